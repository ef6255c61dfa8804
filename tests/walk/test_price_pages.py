"""The price list, its CSV and the calculator: public, exact, and an address is an estimate."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest

from portal.tenancy.permissions import Role
from tests.makers import make_member, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "prices")]

ESTIMATE = "/prices/calculator/?i=postgresql/single-2x8&n=2&h=730&i=network.egress/egress&n=20000"


@pytest.fixture(autouse=True)
def region():
    return make_region("fra1", name="Frankfurt", backend="process")


def text(response) -> str:
    return response.content.decode()


def rows(response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(response))))


# -- price list ------------------------------------------------------------------------------------


def test_the_list_says_hour_month_and_vat(client):
    page = text(client.get("/prices/"))
    for amount in ("0.1283", "93.67", "113.34"):  # postgresql single-2x8
        assert f"€\u202f{amount}" in page
    assert "VAT 21 % (NL, the provider&#x27;s country)" in page
    assert "Valid since 1 January 2026." in page


@pytest.mark.parametrize("path", ["/prices/?q=functions", "/catalogue/functions/"])
def test_what_is_billed_by_use_has_no_price_of_nothing(client, path):
    page = text(client.get(path))
    assert "billed by use" in page
    assert "€\u202f0.00" not in page


def test_the_rates_say_tiers_months_and_what_is_free(client):
    page = text(client.get("/prices/rates/"))
    for part in ("Public IPv4 address", "beyond that", "1,024 free", "75 GiB free", "PostgreSQL"):
        assert part in page


@pytest.mark.parametrize(
    ("asked", "there", "gone"),
    [
        ("q=nats", "Plans of NATS", "Plans of Kafka"),
        ("family=integration", "Plans of NATS", "Plans of PostgreSQL"),
        ("q=xyzzy", "No price matches", "Plans of"),
    ],
)
def test_search_and_filters(client, asked, there, gone):
    page = text(client.get(f"/prices/?{asked}", headers={"HX-Request": "true"}))
    assert there in page
    assert gone not in page


@pytest.mark.parametrize(
    ("asked", "there", "gone"),
    [
        ("q=balancer", "Load balancer S", "NATS"),
        ("q=network", "Gateway L", "NATS"),
        ("q=xyzzy", "No rate matches", "Gateway"),
    ],
)
def test_rates_are_searched(client, asked, there, gone):
    page = text(client.get(f"/prices/rates/?{asked}", headers={"HX-Request": "true"}))
    assert there in page
    assert gone not in page


def test_a_filter_keeps_its_state_in_the_address(client):
    answer = client.get(
        "/prices/?q=nats&family=&region=fra1",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/prices/"},
    )
    assert answer["HX-Push-Url"] == "/prices/?q=nats&region=fra1"


def test_plans_as_csv(client):
    answer = client.get("/prices/plans.csv")
    assert re.search(
        r'attachment; filename="polder-prices-plans-.*\.csv"', answer["Content-Disposition"]
    )
    [row] = [r for r in rows(answer) if (r["offering"], r["plan"]) == ("postgresql", "single-2x8")]
    assert (row["hourly_net"], row["monthly_net"], row["monthly_gross"]) == (
        "0.12832",
        "93.67",
        "113.34",
    )


def test_rates_as_csv_have_a_row_a_tier(client):
    found = [
        r for r in rows(client.get("/prices/rates.csv")) if r["price_class"] == "network.egress"
    ]
    assert [(r["from"], r["to"], r["unit_price_net"]) for r in found] == [
        ("0", "10240", "0.0100"),
        ("10240", "51200", "0.0080"),
        ("51200", "", "0.0060"),
    ]


def test_no_other_csv(client):
    assert client.get("/prices/secrets.csv").status_code == 404


@pytest.mark.parametrize("path", ["/prices/", "/prices/rates/", "/prices/plans.csv", ESTIMATE])
def test_caches_may_keep_prices(client, path):
    answer = client.get(path)
    assert "public" in answer["Cache-Control"]
    again = client.get(path, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


# -- calculator ------------------------------------------------------------------------------------


def test_an_address_is_an_estimate(client):
    page = text(client.get(ESTIMATE))
    for amount in ("187.35", "170.24", "357.59", "75.09", "432.68"):
        assert f"€\u202f{amount}" in page
    assert "/catalogue/postgresql/order/?plan=single-2x8" in page


def test_half_the_hours_cost_half(client):
    line = "/prices/calculator/?i=postgresql/single-2x8&n=1&h="
    whole, half = (client.get(line + hours).context["month"].net.amount for hours in ("730", "365"))
    assert (whole, half) == (Decimal("93.67"), Decimal("46.84"))


def test_lines_are_added_and_taken_away(client):
    base = "/prices/calculator/?i=nats/dev-1x1&n=1&h=730&i=kafka/dev-1x1&n=1&h=730"
    added = client.get(f"{base}&new=postgresql/dev-1x1&add=1")
    assert [line.asked.item for line in added.context["lines"]] == [
        "nats/dev-1x1",
        "kafka/dev-1x1",
        "postgresql/dev-1x1",
    ]
    dropped = client.get(f"{base}&drop=0")
    assert [line.asked.item for line in dropped.context["lines"]] == ["kafka/dev-1x1"]


def test_a_change_swaps_the_sum_and_keeps_the_address(client):
    answer = client.get(f"{ESTIMATE}&new=", headers={"HX-Request": "true"})
    assert answer["HX-Replace-Url"] == (
        "/prices/calculator/?i=postgresql%2Fsingle-2x8&n=2&h=730"
        "&i=network.egress%2Fegress&n=20000&h=730"
    )
    assert 'id="total"' in text(answer)
    assert "<form" not in text(answer)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("i=nats/dev-1x1&n=x", "Write a number from 0"),
        ("i=nats/dev-1x1&n=-1", "Write a number from 0"),
        ("i=nats/dev-1x1&n=NaN", "Write a number from 0"),
        ("i=nats/dev-1x1&n=1e9999", "Write a number from 0"),
        ("i=nats/dev-1x1&n=1.5", "Services come whole"),
        ("i=nats/dev-1x1&n=1&h=731", "Hours of a month are 0 to 730."),
        ("i=nats/huge-1x1", "not in the price list any more"),
        ("i=nothing/here", "not in the price list any more"),
        ("i=" + "x" * 5000, "not in the price list any more"),
    ],
)
def test_what_cannot_be_worked_out_says_why(client, line, message):
    answer = client.get(f"/prices/calculator/?{line}")
    assert answer.status_code == 422
    assert message in text(answer)


def test_an_estimate_has_an_end(client):
    lines = "&".join(["i=nats/dev-1x1&n=1&h=730"] * 30)
    assert len(client.get(f"/prices/calculator/?{lines}").context["lines"]) == 20


def test_the_empty_calculator_invites(client):
    answer = client.get("/prices/calculator/")
    assert answer.status_code == 200
    assert "Choose a service" in text(answer)


SPARE = "/prices/calculator/?i=redis/single-2x4&n=2&h=730&s=spot&i=nats/dev-1x1&n=1&h=730&s=list"


def test_both_prices_stand_side_by_side_and_the_address_says_which_counts(client):
    answer = client.get(SPARE)
    spot, listed = answer.context["lines"]
    found = client.get("/prices/spot.csv").content.decode()
    [row] = [
        r
        for r in csv.DictReader(io.StringIO(found))
        if r["plan"] == "single-2x4" and r["offering"] == "redis"
    ]
    assert spot.net.amount == Decimal(row["spot_hourly_net"]) * 2 * 730
    assert spot.other.amount == Decimal(row["list_hourly_net"]) * 2 * 730
    assert spot.net.amount < spot.other.amount
    assert (listed.asked.spot, listed.other.amount < listed.net.amount) == (False, True)
    assert answer.context["query"] == SPARE.partition("?")[2].replace("/", "%2F")
    page = text(answer)
    assert "On spare capacity; at list price" in page
    assert "/catalogue/redis/order/?plan=single-2x4&amp;spot=1" in page
    turned = client.get(SPARE.replace("s=spot", "s=list"))
    assert turned.context["lines"][0].net == spot.other
    assert "s=" not in turned.context["query"]


def test_what_does_not_run_on_spare_capacity_is_counted_at_list_and_says_so(client):
    answer = client.get("/prices/calculator/?i=redis/ha-2x8&n=1&h=730&s=spot")
    [line] = answer.context["lines"]
    assert (line.asked.spot, line.other, answer.status_code) == (False, None, 200)
    assert "this plan does not run on spare capacity" in text(answer)


def test_only_who_sees_costs_is_led_to_reservations(client):
    link = 'href="/costs/commitments/"'
    assert link not in client.get("/prices/").content.decode()
    client.force_login(make_member(make_project(), Role.OWNER))
    main = client.get("/prices/").content.decode().partition("<main")[2]
    assert link in main
