"""The story of a tenant through the API, on the fake backend."""

from __future__ import annotations

import re

import pytest

from services.instances.models import Credential, Instance, Operation
from tests.makers import make_member, make_project, make_quota, make_region
from tests.portal.api import Api, finish, problem

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture(autouse=True)
def region(project):
    found = make_region()
    make_quota(project, found, instances=3, vcpu=8, memory_mib=32768, storage_gib=400)
    return found


@pytest.fixture
def api(project):
    return Api(make_member(project))


def place(api, **fields):
    body = {"offering": "postgresql", "name": "orders-db", **fields}
    return api.post("projects/shop/instances", body)


@pytest.fixture
def ident(api):
    return finish(place(api, plan="single-2x8", tags={"team": "orders"})).instance.public_id


def test_from_catalogue_to_purge(api):
    offering = api.get("offerings/postgresql").json()
    assert [r["orderable"] for r in offering["regions"]] == [True]
    answer = place(api, plan="single-2x8", parameters={"max_connections": 150})
    operation = answer.json()
    assert answer["Location"].endswith(f"/api/v1/operations/{operation['id']}")
    assert int(answer["Retry-After"]) >= 1
    assert (operation["kind"], operation["state"]) == ("create", "pending")
    ident = operation["instance"]
    creating = api.get(f"instances/{ident}").json()
    assert creating["operation"]["id"] == operation["id"]
    assert creating["price"]["hourly"]["amount"]
    finish(answer)

    done = api.get(answer["Location"]).json()
    assert (done["state"], done["progress"], done["error"]) == ("succeeded", 100, None)
    assert {step["state"] for step in done["steps"]} == {"succeeded"}
    instance = api.get(f"instances/{ident}").json()
    assert (instance["phase"], instance["health"]["status"]) == ("running", "ok")
    assert instance["operation"] is None
    assert instance["parameters"]["max_connections"] == 150
    first = instance["endpoints"][0]
    assert (first["port"], first["purpose"]) == (5432, "Where clients connect.")

    finish(api.patch(f"instances/{ident}", {"plan": "single-4x16"}))
    assert api.get(f"instances/{ident}").json()["plan"] == "single-4x16"
    finish(api.post(f"instances/{ident}/pause"))
    assert api.get(f"instances/{ident}").json()["phase"] == "paused"
    finish(api.post(f"instances/{ident}/resume"))
    before = api.get(f"instances/{ident}/credentials").json()["password"]
    finish(api.post(f"instances/{ident}/rotate"))
    assert api.get(f"instances/{ident}/credentials").json()["password"] != before

    problem(api.delete(f"instances/{ident}"), 409, "protected")
    assert api.patch(f"instances/{ident}", {"protected": False}).status_code == 200
    finish(api.delete(f"instances/{ident}"))
    binned = api.get(f"instances/{ident}").json()
    assert (binned["phase"], bool(binned["delete_at"])) == ("in_bin", True)
    finish(api.post(f"instances/{ident}/undelete"))
    finish(api.delete(f"instances/{ident}?purge=true"))
    gone = api.get(f"instances/{ident}").json()
    assert gone["phase"] == "deleted"
    assert api.get("instances").json()["results"] == []
    listed = api.get("instances?phase=deleted").json()["results"]
    assert [one["id"] for one in listed] == [ident]
    problem(api.post(f"instances/{ident}/pause"), 410, "gone")
    problem(api.get(f"instances/{ident}/credentials"), 410, "gone")
    codes = [event["code"] for event in api.get(f"instances/{ident}/events").json()["results"]]
    assert (codes[0], codes[-1]) == ("purged", "ordered")


def test_an_open_operation_is_in_the_conflict(api, ident):
    first = api.patch(f"instances/{ident}", {"plan": "single-4x16"}).json()
    body = problem(api.post(f"instances/{ident}/pause"), 409, "operation-open")
    assert body["operation"]["id"] == first["id"]
    assert body["operation"]["state"] == "pending"
    assert body["hint"]


def test_over_quota_says_how_much_and_who_can_raise_it(api, ident):
    assert place(api, name="second", plan="single-4x16").status_code == 202
    body = problem(place(api, name="third", plan="single-4x16"), 422, "quota-exceeded")
    assert body["quota"]["name"] == "memory_mib"
    assert body["quota"]["wanted"] == "16384"
    assert body["quota"]["left"] == "8192"
    assert body["quota"]["raised_by"] == ["owner", "admin"]
    assert Instance.objects.count() == 2


def test_every_fault_of_an_order_is_pointed_at(api):
    answer = place(
        api,
        name="Orders DB",
        plan="huge",
        version="1",
        tags={"Team": "x"},
        parameters={"max_connections": "many", "no_such": 1},
    )
    faults = {fault["pointer"] for fault in problem(answer, 422, "invalid")["errors"]}
    assert faults == {
        "/name",
        "/plan",
        "/version",
        "/tags",
        "/parameters/max_connections",
        "/parameters/no_such",
    }


def test_dry_runs_write_nothing(api, ident):
    api.patch(f"instances/{ident}", {"protected": False})
    counted = (Instance, Operation, Credential)
    before = [model.objects.count() for model in counted]
    row = Instance.objects.values().get()
    body = {"offering": "postgresql", "name": "second", "plan": "single-4x16"}
    order = api.post("projects/shop/instances?dry_run=true", body)
    change = api.patch(f"instances/{ident}?dry_run=true", {"plan": "single-4x16"})
    delete = api.delete(f"instances/{ident}?dry_run=true&purge=true")
    assert [r.status_code for r in (order, change, delete)] == [200, 200, 200]
    for answer in (order, change, delete):
        assert set(answer.json()) == {"quote", "quota", "effect", "destroys", "budgets"}
    assert re.fullmatch(r"\d+\.\d+", order.json()["quote"]["hourly"]["amount"])
    assert change.json()["effect"] == "restart"
    assert delete.json()["destroys"] == ["server", "data", "credentials"]
    quota = {line["name"]: line for line in order.json()["quota"]}
    assert (quota["vcpu"]["wanted"], quota["vcpu"]["left"]) == (4, 6)
    assert [model.objects.count() for model in counted] == before
    assert Instance.objects.values().get() == row
    bad = api.post("projects/shop/instances?dry_run=true", {**body, "name": "orders-db"})
    assert problem(bad, 422, "invalid")["errors"][0]["pointer"] == "/name"


def test_if_match_guards_change_and_delete(api, ident):
    first = api.get(f"instances/{ident}")["ETag"]
    changed = api.patch(f"instances/{ident}", {"tags": {}}, **{"If-Match": first})
    assert changed.status_code == 200
    assert changed["ETag"] != first
    for answer in (
        api.patch(f"instances/{ident}", {"plan": "single-4x16"}, **{"If-Match": first}),
        api.delete(f"instances/{ident}", **{"If-Match": f'{first}, "other"'}),
    ):
        problem(answer, 412, "precondition-failed")
    newest = {"If-Match": f'"other", {changed["ETag"]}'}
    assert api.patch(f"instances/{ident}", {"protected": False}, **newest).status_code == 200
    finish(api.delete(f"instances/{ident}", **{"If-Match": "*"}))


def test_name_and_plan_change_together(api, ident):
    finish(api.patch(f"instances/{ident}", {"plan": "single-4x16", "name": "orders"}))
    instance = api.get(f"instances/{ident}").json()
    assert (instance["name"], instance["plan"]) == ("orders", "single-4x16")
    refused = api.patch(f"instances/{ident}", {"plan": "huge", "name": "other"})
    problem(refused, 422, "invalid")
    assert api.get(f"instances/{ident}").json()["name"] == "orders"


def test_cancel_and_retry(api, ident, fake):
    answer = api.patch(f"instances/{ident}", {"plan": "single-4x16"})
    asked = api.post(f"operations/{answer.json()['id']}/cancel")
    assert (asked.status_code, asked.json()["cancellable"]) == (202, False)
    cancelled = finish(answer, "cancelled")
    assert api.get(f"instances/{ident}").json()["plan"] == "single-2x8"
    again = api.post(f"operations/{cancelled.public_id}/retry")
    assert again.json()["retry_of"] == cancelled.public_id
    finish(again)
    assert api.get(f"instances/{ident}").json()["plan"] == "single-4x16"
    problem(api.post(f"operations/{cancelled.public_id}/cancel"), 409, "ended")
    problem(api.post(f"operations/{again.json()['id']}/retry"), 409, "not-retryable")


def test_a_failed_operation_says_why_and_what_to_do(api, fake):
    from portal.kernel.errors import Permanent

    fake.faults.append(Permanent("engine-crashed", detail="FATAL: could not map memory"))
    failed = finish(place(api), "failed")
    error = api.get(f"operations/{failed.public_id}").json()
    assert error["retryable"] is True
    assert error["error"]["code"] == "engine-crashed"
    assert error["error"]["detail"] == "FATAL: could not map memory"
    assert error["error"]["text"]
    assert error["error"]["hint"]


def test_filters(api, ident):
    second = finish(place(api, name="cache", offering="redis", plan="dev-1x1")).instance.public_id
    asked = {
        "project=shop": {ident, second},
        "organisation=none": set(),
        "offering=redis": {second},
        "region=local&tag=team": {ident},
        "tag=team:orders": {ident},
        "tag=team:other": set(),
        "phase=paused": set(),
        "ordering=name": {ident, second},
    }
    for query, wanted in asked.items():
        found = api.get(f"instances?{query}").json()["results"]
        assert {one["id"] for one in found} == wanted, query
    kinds = api.get(f"operations?instance={second}&kind=create&state=succeeded").json()["results"]
    assert [one["instance"] for one in kinds] == [second]


def test_secrets_are_in_no_answer_but_credentials(api, ident):
    shown = api.get(f"instances/{ident}/credentials")
    assert shown["Cache-Control"] == "no-store"
    password = shown.json()["password"]
    assert password in shown.json()["uri"]
    paths = [
        "instances",
        f"instances/{ident}",
        f"instances/{ident}/events",
        f"instances/{ident}/logs",
        "operations",
        "audit",
        "tokens",
        "projects/shop",
    ]
    for path in paths:
        answer = api.get(path)
        assert answer.status_code == 200, path
        assert password not in answer.content.decode()
        assert api.token not in answer.content.decode()
    revealed = [e for e in api.get("audit").json()["results"] if e["verb"] == "credential.reveal"]
    assert [e["target"]["id"] for e in revealed] == [ident]


def test_money_is_text_and_time_is_utc(api, ident):
    instance = api.get(f"instances/{ident}").json()
    assert re.fullmatch(r"\d+\.\d*[1-9]", instance["price"]["hourly"]["amount"])
    assert instance["price"]["hourly"]["currency"] == "EUR"
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", instance[name])
    tiers = [tier for row in Api().get("prices").json()["results"] for tier in row["tiers"]]
    assert tiers
    assert all(isinstance(tier["unit_price"], str) for tier in tiers)
