"""The provider's pages: customers, search, work, quota, and what the tenant is told of all that."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError as BrokerError

from portal.audit.models import AuditEvent
from portal.audit.queries import events_for
from portal.kernel import clock
from portal.kernel.errors import Invalid, NotPermitted, Permanent
from portal.status import queries as status_queries
from portal.tenancy import oversight
from portal.tenancy.permissions import Role
from services import backends, registry
from services.backends.process.engines import store
from services.instances import engines, limits, workers
from services.instances import oversight as work
from services.instances.models import Instance, Operation
from services.regions.models import Quota, Region
from services.regions.requests import request_quota
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_quota,
    make_region,
    make_staff,
    make_user,
    order,
    signed_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


@pytest.fixture
def project() -> Any:
    return make_project(make_organisation("dike", name="Dike Ltd"), "shop")


@pytest.fixture
def region() -> Any:
    return make_region()


@pytest.fixture
def staff(client: Client) -> Client:
    signed_in(client, make_user("staff@test.example", is_staff=True))
    return client


def url(name: str, *args: str) -> str:
    return reverse(f"console:staff{name}", args=args)


def looks(chain: str = "dike") -> list[tuple[str, dict[str, str]]]:
    rows = events_for(chain, verb="staff.view").order_by("sequence")
    return [(row.actor_name, row.after) for row in rows]


# -- the first page --------------------------------------------------------------------------------


def test_the_first_page_says_what_needs_a_person(staff, project, region, fake):
    assert "Nothing needs you" in staff.get(url("")).content.decode()
    fake.faults = [Permanent("engine-crashed")]
    drive(order(project, region))
    Region.objects.update(healthy=False, checked_at=clock.now())
    project.organisation.suspended_at = clock.now()
    project.organisation.save()
    page = staff.get(url("")).content.decode()
    for said in (
        "1 region is not well",
        "1 operation failed",
        "1 service needs a look",
        "1 organisation is suspended",
    ):
        assert said in page
    assert "is stuck" not in page
    assert looks() == []  # numbers are no look


# -- search ----------------------------------------------------------------------------------------


def test_one_box_finds_everything(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    member = make_member(project, Role.VIEWER, user=make_user("ilse@dike.example"))
    operation = Operation.objects.get()
    event = AuditEvent.objects.filter(chain="dike").latest("pk")
    found = {
        "dike l": url("-organisation", "dike"),
        "shop": url("-organisation", "dike"),
        "ilse@": url("-people", "dike"),
        "orders": url("-service", instance.public_id),
        instance.public_id[:5]: url("-service", instance.public_id),
        operation.public_id: url("-operation", operation.public_id),
        event.request_id: url("-organisation", "dike"),
    }
    for text, where in found.items():
        page = staff.get(url("-search"), {"q": text}).content.decode()
        assert f'href="{where}"' in page, text
    assert member.email in staff.get(url("-search"), {"q": "ilse"}).content.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [("x", "Type a little more"), ("nowhere", "Nothing matches “nowhere”"), ("", "One box")],
)
def test_a_search_without_a_result_says_why(staff, text, said):
    assert said in staff.get(url("-search"), {"q": text}).content.decode()


def test_a_search_shows_eight_of_a_kind_and_says_there_are_more(staff):
    for number in range(9):
        make_organisation(f"many-{number}")
    page = staff.get(url("-search"), {"q": "many-"}).content.decode()
    assert (page.count("<small>many-"), "Only the first 8" in page) == (8, True)


def test_whoever_s_data_a_search_shows_is_told(staff, project, region, fake):
    make_instance(project, region, name="orders-db")
    make_project(make_organisation("other"), "orders-elsewhere")
    make_organisation("orders-organisation")
    staff.get(url("-search"), {"q": "orders"})
    staff.get(url("-search"), {"q": "orders"})
    assert looks() == [("staff@test.example", {"seen": "search"})]
    assert len(looks("other")) == 1
    assert looks("orders-organisation") == []  # a customer's name is the provider's own record


def test_a_percent_sign_finds_a_percent_sign(staff, project):
    assert "Nothing matches" in staff.get(url("-search"), {"q": "%%"}).content.decode()


# -- organisations ---------------------------------------------------------------------------------


def test_customers_are_listed_with_what_they_have(staff, project, region, fake):
    make_instance(project, region)
    make_member(project)
    make_member(project, only_project=True)
    make_organisation("gone", suspended_at=clock.now())
    page = staff.get(url("-organisations")).content.decode()
    assert "2 organisations" in page
    rows = oversight.organisations(make_staff()).values_list("slug", "people", "project_count")
    assert list(rows) == [("dike", 2, 1), ("gone", 0, 0)]
    assert work.counts_by_organisation(make_staff(), [project.organisation]) == {
        project.organisation_id: 1
    }
    page = staff.get(url("-organisations"), {"state": "suspended"}).content.decode()
    assert ("Dike Ltd" in page, "Gone" in page) == (False, True)
    assert "No organisation fits" in staff.get(url("-organisations"), {"q": "zz"}).content.decode()


def test_every_page_of_a_customer_tells_it_once_an_hour(staff, project, region, fake):
    make_instance(project, region, name="orders-db")
    owner = make_member(project, Role.OWNER, user=make_user("ilse@dike.example"))
    for name, said in (
        ("-organisation", "Whom to write to"),
        ("-people", owner.email),
        ("-services", "orders-db"),
        ("-quota", "No limits."),
    ):
        assert said in staff.get(url(name, "dike")).content.decode()
    assert looks() == [("staff@test.example", {"seen": "organisation"})]


def test_the_tenant_reads_who_looked(client, staff, project):
    staff.get(url("-people", "dike"))
    owner = make_member(project, Role.OWNER)
    reader = Client()
    signed_in(reader, owner)
    answer = reader.get("/api/v1/audit?verb=staff.view").json()["results"]
    assert [(row["actor"], row["after"]) for row in answer] == [
        ({"kind": "staff", "name": "staff@test.example"}, {"seen": "people"})
    ]


def test_staff_suspends_and_lifts_with_a_reason(staff, project):
    answer = staff.post(url("-suspend", "dike"), {"reason": " "})
    assert (answer.status_code, "Say why" in answer.content.decode()) == (422, True)
    staff.post(url("-suspend", "dike"), {"reason": "Unpaid since May"})
    project.organisation.refresh_from_db()
    assert project.organisation.suspended_at is not None
    assert "Unpaid since May" in staff.get(url("-organisation", "dike")).content.decode()
    staff.post(url("-lift", "dike"), {"reason": "Paid"})
    project.organisation.refresh_from_db()
    assert project.organisation.suspended_at is None
    event = events_for("dike", verb="organisation.").first()
    assert (event.verb, event.reason) == ("organisation.lift_suspension", "Paid")


def test_what_is_not_there_is_not_found(staff, project):
    for name, args in (
        ("-organisation", ["nope"]),
        ("-operation", ["op-00000000"]),
        ("-service", ["pg-00000000"]),
        ("-region", ["nope"]),
        ("-quota-edit", ["dike", "nope", "local"]),
    ):
        assert staff.get(url(name, *args)).status_code == 404


def test_only_staff_reads_across_tenants(project):
    owner = make_owner(project)
    for read in (
        lambda: oversight.organisations(owner),
        lambda: oversight.organisation(owner, "dike", seen="x"),
        lambda: work.stuck_operations(owner),
        lambda: work.instance(owner, "pg-1"),
        lambda: limits.set_quotas(
            actor=owner, project=project, region=make_region(), limits={}, reason="mine"
        ),
    ):
        with pytest.raises(NotPermitted):
            read()


# -- work ------------------------------------------------------------------------------------------


def stuck() -> list[tuple[str, ...]]:
    return [one.reasons for one in work.stuck_operations(make_staff())]


def age(operation: Operation, **fields: Any) -> None:
    long_ago = clock.now() - timedelta(minutes=6)
    Operation.objects.filter(pk=operation.pk).update(created_at=long_ago, **fields)


def test_an_operation_is_stuck_when_nothing_comes_of_it(project, region, fake):
    operation = order(project, region)
    assert stuck() == []
    age(operation)
    assert stuck() == [("no-progress",)]
    recent = {"started": clock.now().isoformat(), "finished": None}
    age(operation, steps=[{"code": "data", "params": {}, "percent": None, **recent}])
    assert stuck() == []
    age(operation, attempts=100, deadline=clock.now() - timedelta(seconds=1), steps=[])
    assert stuck() == [("overdue", "no-progress", "many-attempts")]
    Region.objects.update(retry_at=clock.now() + timedelta(minutes=1))
    assert "region-waits" in stuck()[0]


def test_a_failure_that_was_dealt_with_is_gone_from_the_list(project, region, fake):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(project, region))
    rows = work.failed_operations(make_staff())
    assert list(rows) == [failed]
    Operation.objects.filter(pk=failed.pk).update(finished_at=clock.now() - timedelta(days=8))
    assert not rows.all().exists()


def test_staff_tries_again_and_the_tenant_reads_why(staff, project, region, fake):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(project, region))
    page = staff.get(url("-operations"), {"show": "failed"}).content.decode()
    assert "ended again and again" in page
    form = {"action": "retry", "id": [failed.public_id], "back": "failed"}
    answer = staff.post(url("-operations-bulk"), form)
    assert answer.status_code == 422
    assert f'value="{failed.public_id}" checked' in answer.content.decode()
    answer = staff.post(url("-operations-bulk"), form | {"reason": "Disk replaced"}, follow=True)
    assert "1 operation is tried again." in answer.content.decode()
    again = Operation.objects.get(retry_of=failed)
    assert (again.reason, again.requested_by) == ("Disk replaced", "staff@test.example")
    assert events_for("dike", verb="instance.create").first().reason == "Disk replaced"
    answer = staff.post(url("-operations-bulk"), form | {"reason": "Once more"}, follow=True)
    assert failed.public_id in answer.content.decode()
    assert "Something else was done" in answer.content.decode()


def test_staff_cancels_what_is_stuck(staff, project, region, fake):
    operation = order(project, region)
    age(operation)
    assert "Nothing came of it for 5 minutes." in staff.get(url("-operations")).content.decode()
    assert (
        "Cancel the operation" in staff.get(url("-operation", operation.public_id)).content.decode()
    )
    staff.post(
        url("-operations-bulk"),
        {"action": "cancel", "id": operation.public_id, "reason": "Asked on the phone"},
    )
    operation.refresh_from_db()
    assert operation.cancel_requested_at is not None
    assert ("staff@test.example", {"seen": "operations"}) in looks()


def test_services_that_need_a_look_are_listed(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    page = url("-operations") + "?show=services"
    assert "Every service is well" in staff.get(page).content.decode()
    Instance.objects.filter(pk=instance.pk).update(needs_attention=True)
    assert "Left half done" in staff.get(page).content.decode()


def test_a_service_shows_facts_and_never_a_secret(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    secret = fake.applied[instance.public_id].secrets["password"]
    page = staff.get(url("-service", instance.public_id)).content.decode()
    assert "Dike Ltd" in page
    assert str(secret) not in page
    assert not AuditEvent.objects.filter(verb="credential.reveal").exists()


def test_a_service_is_destroyed_with_its_name_and_a_reason(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    where = url("-destroy", instance.public_id)
    answer = staff.post(where, {"name": "orders", "reason": "Abuse"})
    assert (answer.status_code, "as it is written above" in answer.content.decode()) == (422, True)
    assert staff.post(where, {"name": "orders-db", "reason": ""}).status_code == 422
    assert staff.post(where, {"name": "orders-db", "reason": "Abuse"}).status_code == 303
    drive(Operation.objects.get(kind="purge"))
    instance.refresh_from_db()
    assert instance.deleted_at is not None
    assert events_for("dike", verb="instance.purge").last().reason == "Abuse"


# -- quota -----------------------------------------------------------------------------------------


def quotas() -> dict[str, tuple[int, int]]:
    return {row.name: (int(row.used), int(row.limit)) for row in Quota.objects.all()}


def test_staff_sets_limits_with_a_reason(staff, project, region, fake):
    make_quota(project, region, instances=3)
    where = url("-quota-edit", "dike", "shop", "local")
    assert "3" in staff.get(where).content.decode()
    answer = staff.post(where, {"instances": "many", "reason": ""})
    assert (answer.status_code, 'value="many"' in answer.content.decode()) == (422, True)
    assert staff.post(where, {"instances": "-1", "reason": "x"}).status_code == 422
    assert staff.post(where, {"instances": "9", "reason": " "}).status_code == 422
    assert staff.post(where, {"instances": "", "reason": "x"}).status_code == 422
    assert quotas() == {"instances": (0, 3)}
    assert staff.post(where, {"instances": "9", "reason": "They grow"}).status_code == 303
    assert quotas() == {"instances": (0, 9)}
    event = events_for("dike", verb="quota.set").get()
    assert (event.before["instances"], event.after["instances"], event.reason) == (
        "3",
        "9",
        "They grow",
    )


def test_a_first_limit_counts_what_is_there(staff, project, region, fake):
    make_instance(project, region)
    make_instance(project, region)
    limits.set_quotas(
        actor=make_staff(),
        project=project,
        region=region,
        limits={"instances": Decimal(2), "storage_gib": Decimal(500)},
        reason="New customer",
    )
    used, limit = quotas()["instances"]
    assert (used, limit) == (2, 2)
    assert quotas()["storage_gib"][0] > 0
    with pytest.raises(Exception, match="0 left of 2"):
        order(project, region)


def test_requests_are_answered(staff, project, region, fake):
    make_quota(project, region, instances=3, vcpu=4)
    owner = make_owner(project)
    for name, limit in (("instances", 10), ("vcpu", 64)):
        request_quota(
            actor=owner,
            project=project,
            region=region,
            name=name,
            limit=Decimal(limit),
            reason="Black Friday",
        )
    page = staff.get(url("-requests")).content.decode()
    assert page.count("Black Friday") == 2
    first, second = project.quota_requests.order_by("pk")
    staff.post(url("-request", first.public_id), {"decision": "approve", "limit": "6"})
    assert quotas()["instances"] == (0, 6)
    answer = staff.post(url("-request", second.public_id), {"decision": "refuse", "answer": ""})
    assert (answer.status_code, "Say why" in answer.content.decode()) == (422, True)
    staff.post(url("-request", second.public_id), {"decision": "refuse", "answer": "Too many"})
    assert quotas()["vcpu"] == (0, 4)
    assert "Nobody waits" in staff.get(url("-requests")).content.decode()
    again = staff.post(url("-request", second.public_id), {"decision": "approve"})
    assert again.status_code == 422


# -- what staff says -------------------------------------------------------------------------------


def test_an_announcement_is_shown_and_withdrawn(staff, project):
    reader = signed_in(Client(), make_member(project))
    where, form = url("-announcements"), {"text": "Backups move tonight.", "level": "info"}
    answer = staff.post(where, form | {"audience": "organisation", "organisation": "nope"})
    assert (answer.status_code, "no organisation with this" in answer.content.decode()) == (
        422,
        True,
    )
    assert staff.post(where, form | {"audience": "all", "ends_at": "x"}).status_code == 422
    assert staff.post(where, form | {"audience": "all", "text": ""}).status_code == 422
    staff.post(where, form | {"audience": "organisation", "organisation": "dike"})
    assert "Backups move tonight." in reader.get("/services/").content.decode()
    other = signed_in(Client(), make_member(make_project()))
    assert "Backups move tonight." not in other.get("/services/").content.decode()
    announcement = status_queries.announcements().get()
    assert "Shown now" in staff.get(where).content.decode()
    staff.post(url("-announcement-withdraw", announcement.public_id))
    assert "Backups move tonight." not in reader.get("/services/").content.decode()
    assert "Withdrawn" in staff.get(where).content.decode()


def test_only_information_can_be_put_away(staff):
    form = {"text": "Down", "audience": "all", "dismissible": "1"}
    staff.post(url("-announcements"), form | {"level": "bad"})
    assert status_queries.announcements().get().dismissible is False


def test_an_incident_is_told_from_beginning_to_end(staff, client, region):
    where, form = url("-incident-new"), {"title": "Slow disks", "impact": "major"}
    answer = staff.post(where, form | {"state": "investigating", "region": ["local"]})
    assert answer.status_code == 422
    assert 'name="region" value="local" checked' in answer.content.decode()
    form |= {"state": "investigating", "region": ["local"], "family": ["databases"]}
    answer = staff.post(
        where, form | {"text": "We look into it.", "started_at": "2026-01-02T03:04"}
    )
    incident = status_queries.incidents().get()
    assert answer["Location"] == url("-incident", incident.public_id)
    assert (incident.regions, incident.families) == (["local"], ["databases"])
    assert f"{incident.started_at:%Y-%m-%d %H:%M}" == "2026-01-02 03:04"
    assert "Slow disks" in Client().get("/status/").content.decode()
    page = url("-incident", incident.public_id)
    assert staff.post(page, {"text": "", "state": "resolved"}).status_code == 422
    staff.post(page, {"text": "A disk was replaced.", "state": "resolved", "impact": "minor"})
    incident.refresh_from_db()
    assert (incident.state, incident.impact) == ("resolved", "minor")
    assert "A disk was replaced." in staff.get(page).content.decode()


def test_work_is_planned_moved_and_ended(staff):
    form = {"title": "New switch", "text": "A minute without network."}
    new = url("-work-new")
    assert staff.post(new, form | {"starts_at": "2099-01-01T10:00"}).status_code == 422
    staff.post(new, form | {"starts_at": "2099-01-01T10:00", "ends_at": "2099-01-01T11:00"})
    work = status_queries.maintenances().get()
    page = url("-work", work.public_id)
    assert "2099-01-01T10:00" in staff.get(page).content.decode()
    early = {"starts_at": "2020-01-01T10:00", "ends_at": "2099-01-01T11:00"}
    assert staff.post(page, form | early | {"ends_at": "2019-01-01T10:00"}).status_code == 422
    staff.post(page, form | early)
    assert "It goes on now." in staff.get(page).content.decode()
    staff.post(url("-work-end", work.public_id))
    work.refresh_from_db()
    assert work.ended_at is not None
    assert staff.post(url("-work-cancel", work.public_id)).status_code == 409


# -- regions and engines ---------------------------------------------------------------------------


def test_a_region_is_closed_and_opened_with_a_reason(staff, project, region, fake):
    page = staff.get(url("-region", "local")).content.decode()
    assert "Close Local" in page
    assert staff.post(url("-region-close", "local"), {"reason": ""}).status_code == 422
    staff.post(url("-region-close", "local"), {"reason": "Disks run full"})
    region.refresh_from_db()
    with pytest.raises(Invalid, match="takes no new orders"):
        order(project, region)
    answer = staff.post(url("-region-close", "local"), {"reason": "Again"})
    assert (answer.status_code, "Load the page again" in answer.content.decode()) == (422, True)
    staff.post(url("-region-open", "local"), {"reason": "New disks"})
    region.refresh_from_db()
    assert order(project, region).state == "pending"
    rows = events_for("provider", verb="region.").order_by("sequence")
    assert [(row.verb, row.reason) for row in rows] == [
        ("region.close", "Disks run full"),
        ("region.open", "New disks"),
    ]


def test_a_region_says_how_it_is(staff, project, region, fake):
    make_quota(project, region, instances=3)
    make_instance(project, region)
    Region.objects.update(
        healthy=False,
        detail="supervisor-down",
        checked_at=clock.now(),
        failures=5,
        retry_at=clock.now() + timedelta(seconds=30),
    )
    page = staff.get(url("-region", "local")).content.decode()
    assert "It said: supervisor-down." in page
    assert "It failed 5 times running." in page
    assert 'Services</th><td class="r num">1</td><td class="r num">3</td>' in page
    assert "Does not answer" in staff.get(url("-regions")).content.decode()


def test_what_cannot_be_ordered_says_why(staff):
    make_region("bare", backend="process", unavailable={"redis": ["no-version-here", {}]})
    page = staff.get(url("-region", "bare")).content.decode()
    assert "No version of Valkey" in page
    assert "Machine" not in page  # its supervisor is elsewhere


def test_a_region_of_this_machine_shows_its_disk(staff, settings, tmp_path):
    settings.POLDER_HOME = tmp_path
    (tmp_path / "supervisor").mkdir()
    make_region("here", backend="process")
    page = staff.get(url("-region", "here")).content.decode()
    assert "Machine" in page
    assert 'aria-label="Disk"' in page


def test_the_queue_says_that_nobody_answers(staff, region, monkeypatch):
    monkeypatch.setattr(workers, "_PATIENCE_SECONDS", 0.05)
    answer = staff.get(url("-queue", "local"), headers={"HX-Request": "true"}).content.decode()
    assert "None answered" in answer
    assert "hx-trigger" not in answer
    assert "Capacity given" in staff.get(url("-queue", "local")).content.decode()


@pytest.fixture
def sent_tasks(monkeypatch, settings, tmp_path):
    """What the workers would be told; engines lie in a folder of the test's own."""
    settings.POLDER_HOME = tmp_path
    told: list[tuple[str, str, str]] = []
    monkeypatch.setattr(engines, "send", lambda *what: told.append(what))
    return told


def test_an_engine_is_fetched_and_removed(staff, sent_tasks):
    make_region("here", backend="process")
    page = staff.get(url("-engines")).content.decode()
    assert "NATS" in page
    staff.post(url("-engine-install", "nats-2"))
    assert sent_tasks == [("engine.install", "nats-2", "here")]
    assert staff.post(url("-engine-remove", "nats-2")).status_code == 409  # it is not here
    assert staff.post(url("-engine-install", "nope")).status_code == 404
    assert staff.post(url("-engine-install", "memcached-1.6")).status_code == 409  # a package
    assert events_for("provider", verb="engine.").count() == 1


def put_engine(home: Any, name: str) -> None:
    recipe = registry.engine(name)
    manifest = {"name": name, "version": recipe.version, "lock": store.lock_digest(recipe)}
    (home / "engines" / name).mkdir(parents=True)
    (home / "engines" / name / "manifest.json").write_text(json.dumps(manifest))


def test_an_engine_in_use_stays(staff, sent_tasks, tmp_path, project, fake, monkeypatch):
    region = make_region("here", backend="process")
    put_engine(tmp_path, "nats-2")
    put_engine(tmp_path, "jre-17")
    put_engine(tmp_path, "kafka-4.4")
    rows = {row.engine.name: row for row in engines.rows(make_staff())}
    assert (rows["nats-2"].state, rows["nats-2"].kept) == ("installed", False)
    assert (rows["jre-17"].state, rows["jre-17"].kept) == ("installed", True)  # Kafka needs it
    assert rows["postgresql-17"].kept  # Polder itself does
    monkeypatch.setitem(backends.BACKENDS, "process", lambda region: fake)
    make_instance(project, region, offering="nats")
    row = engines.row(make_staff(), "nats-2")
    assert (row.services, row.kept, row.offerings) == (1, True, ("NATS",))
    assert staff.post(url("-engine-remove", "nats-2")).status_code == 409
    engines.do_remove("nats-2")  # the worker looks again
    assert (tmp_path / "engines" / "nats-2").exists()
    Instance.objects.update(deleted_at=clock.now())
    assert staff.post(url("-engine-remove", "nats-2")).status_code == 303
    engines.do_remove("nats-2")
    assert not (tmp_path / "engines" / "nats-2").exists()


def test_the_page_follows_what_is_asked(staff, sent_tasks, tmp_path):
    make_region("here", backend="process")
    cache.set("engine-asked:nats-2", "engine.install", 60)
    page = staff.get(url("-engines")).content.decode()
    assert "Waiting for a worker" in page
    assert 'hx-trigger="every 2s"' in page
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "nats-2.failed").write_text(
        json.dumps({"code": "engine-download", "detail": ""})
    )
    page = staff.get(url("-engines")).content.decode()
    assert "could not be downloaded" in page
    assert 'hx-trigger="every 2s"' not in page


def test_no_worker_can_be_told(staff, monkeypatch, tmp_path, settings):
    settings.POLDER_HOME = tmp_path
    make_region("here", backend="process")

    def away(*_args: Any, **_options: Any) -> None:
        raise BrokerError

    monkeypatch.setattr("services.instances.tasks.install_engine.apply_async", away)
    assert staff.post(url("-engine-install", "nats-2")).status_code == 503
    assert not events_for("provider", verb="engine.").exists()
