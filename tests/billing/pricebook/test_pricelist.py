"""The price list as people read it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.formats import exact_money
from billing.models import Price
from billing.pricebook import pricelist, queries, texts
from billing.pricebook.classes import CLASSES, GROUPS, class_label, group_label, group_of
from billing.pricebook.files import read
from portal.kernel import clock
from portal.kernel.money import Money
from services import registry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]


def test_every_class_of_the_book_has_a_name_and_a_group():
    classes = {row.price_class for row in read()}
    assert classes - set(CLASSES) == set()
    assert {group_of(one) for one in classes} - set(GROUPS) == set()


def test_what_nobody_named_keeps_its_code():
    assert class_label("space.rocket") == "space.rocket"
    assert group_label(group_of("space.rocket")) == "space"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.000009", "€\u202f0.000009"),
        ("1", "€\u202f1.00"),
        ("0.1", "€\u202f0.10"),
        ("50", "€\u202f50.00"),
    ],
)
def test_unit_prices_keep_all_their_digits(amount, shown):
    assert exact_money(Decimal(amount)) == shown


def test_tiers_and_allowances_in_words():
    egress = queries.prices_of("network.egress", "")["egress"]
    assert texts.steps(egress) == [
        "€\u202f0.01 up to 10,240",
        "€\u202f0.008 up to 51,200",
        "€\u202f0.006 beyond that",
    ]
    assert texts.allowance(egress) == "1,024 free: each organisation, each month"
    database = queries.prices_of("database.postgresql", "")
    assert texts.allowance(database["vcpu"]) == (
        "730 hours free: dev plans of an organisation, each month"
    )
    assert texts.allowance(database["backup_gib"]) == "free: as much as the service stores"
    storage = queries.prices_of("analytics.object-storage", "")["storage_gib"]
    assert texts.allowance(storage) == "75 GiB free: each organisation, each month"


def test_a_rate_by_the_hour_says_its_month():
    lines = {line.price.meter: line for line in pricelist.rates_of("database.postgresql")}
    assert lines["storage_gib"].month == Money(Decimal("0.11972"))
    assert pricelist.rates_of("network.egress")[0].month is None


def test_the_price_of_a_region_wins():
    row = queries.prices_of("database.postgresql", "")["vcpu"]
    Price.objects.create(
        public_id="pr-local",
        price_class=row.price_class,
        meter="vcpu",
        region="fra1",
        unit="hour",
        tiers=[{"from": "0", "to": None, "unit_price": "1", "flat": "0"}],
        valid_from=row.valid_from,
    )
    queries.forget_prices()
    entry = registry.get("postgresql")
    here = {p.plan.id: p.quote.hourly.amount for p in pricelist.plans_of(entry, "fra1")}
    there = {p.plan.id: p.quote.hourly.amount for p in pricelist.plans_of(entry, "par1")}
    assert here["dev-1x1"] > there["dev-1x1"]


def test_retired_plans_are_not_sold(monkeypatch):
    entry = registry.get("postgresql")
    shown = {p.plan.id for p in pricelist.plans_of(entry)}
    assert shown == {plan.id for plan in entry.offering.plans if not plan.retired}


def test_classes_of_offerings_are_not_listed_twice():
    others = {one for classes in pricelist.other_classes().values() for one in classes}
    assert "database.postgresql" not in others
    assert "network.egress" in others


def test_announced_changes():
    assert pricelist.changes() == []
    row = queries.prices_of("iot.mqtt", "")["messages"]
    later = clock.now() + timedelta(days=60)
    Price.objects.filter(pk=row.pk).update(valid_to=later)
    row.pk, row.public_id, row.valid_from, row.valid_to = None, "pr-next", later, None
    row.tiers = [{"from": "0", "to": None, "unit_price": "0.90", "flat": "0"}]
    row.save()
    Price.objects.filter(price_class="iot.edge").update(valid_to=later)
    queries.forget_prices()
    found = {one.label: one for one in pricelist.changes()}
    assert (found["MQTT"].before, found["MQTT"].after) == (["€\u202f0.80"], ["€\u202f0.90"])
    assert (found["Edge cluster"].before, found["Edge cluster"].after) == (["€\u202f12.00"], [])
    assert len(found) == 2


def test_an_amount_takes_the_organisation_s_own_allowance_off():
    prices = queries.prices_of("network.egress", "")
    assert pricelist.amount_of(prices["egress"], Decimal(20000)).amount == Decimal("170.24")
    vcpu = queries.prices_of("database.postgresql", "")["vcpu"]
    assert pricelist.amount_of(vcpu, Decimal(730)).amount == Decimal("18.9216")  # dev plans' own
