"""What is a rise, how long before it is announced, and who hears of it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.models import Price, UsageRecord
from billing.pricebook import announcing, pricelist, queries
from billing.pricebook.loading import load_prices
from portal.kernel import clock
from portal.notifications import kinds
from portal.outbox.models import OutboxEntry
from tests.makers import make_organisation

HEAD = 'book = "list"\ncurrency = "EUR"\nvalid_from = 2026-01-01\n'
NOW = datetime(2026, 10, 25, 12, tzinfo=UTC)


def terms(*tiers, mode="flat", unit="hour", free="0", free_for=""):
    rows, start = [], "0"
    for end, amount in tiers or ((None, "1"),):
        rows.append({"from": start, "to": end, "unit_price": amount, "flat": "0"})
        start = end
    return {
        "tiers": rows,
        "mode": mode,
        "unit": unit,
        "free_quantity": Decimal(free),
        "free_for": free_for,
    }


GRADUATED = terms(("100", "1"), (None, "0.8"), mode="graduated")
VOLUME = terms(("100", "1"), (None, "0.8"), mode="volume")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (terms(), terms((None, "1.000001"))),
        (terms(), terms((None, "0.02"), unit="minute")),
        (terms(free="10"), terms(free="9")),
        (terms(free="5", free_for="dev"), terms(free="4", free_for="dev")),
        (terms(free="5", free_for="dev"), terms(free="5")),
        (GRADUATED, terms(("100", "0.5"), (None, "0.9"), mode="graduated")),
        (GRADUATED, terms(("200", "1"), (None, "0.8"), mode="graduated")),
        (VOLUME, terms(("101", "1"), (None, "0.8"), mode="volume")),
        (VOLUME, GRADUATED),
        (terms(unit="one"), terms(unit="one", mode="package")),
    ],
)
def test_a_rise_is_what_costs_anybody_more(before, after):
    assert announcing.is_rise(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (terms(), terms()),
        (terms(), terms((None, "0.999"))),
        (terms(), terms((None, "1"), free="5")),
        (terms(unit="hour"), terms((None, "0.0166"), unit="minute")),
        (GRADUATED, terms(("50", "1"), (None, "0.8"), mode="graduated")),
        (GRADUATED, VOLUME),
        (terms(), GRADUATED),
        (terms(free="5", free_for="dev"), terms(free="6", free_for="dev")),
    ],
)
def test_what_costs_nobody_more_is_none(before, after):
    assert not announcing.is_rise(before, after)


@pytest.fixture
def load(db, tmp_path, monkeypatch):
    """Loads a list in which `a.b` costs 0.0036 until a day, and another amount after that."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    queries.forget_prices()

    def _load(day="", amount="0.0072", region=""):
        ends = f"valid_to = {day}\n" if day and not region else ""
        text = f'{HEAD}[[price]]\nclass = "a.b"\n{ends}vcpu = "0.0036"\n'
        if day:
            where = f'region = "{region}"\n' if region else ""
            text += f'[[price]]\nclass = "a.b"\n{where}valid_from = {day}\nvcpu = "{amount}"\n'
        (tmp_path / "some.toml").write_text(text)
        return load_prices(tmp_path)

    yield _load
    queries.forget_prices()


@pytest.mark.parametrize("region", ["", "north"])
def test_a_rise_needs_sixty_days(load, region):
    load()
    with pytest.raises(ValueError, match=r"rise to 0\.0072 on 2026-12-24 .* 60 days' notice"):
        load("2026-12-24", region=region)
    assert Price.objects.count() == 1
    assert load("2026-12-25", region=region).added == 1
    assert Price.objects.latest("valid_from").announced_at == NOW


def test_a_fall_needs_none(load):
    load()
    assert load("2026-10-26", "0.0018").added == 1


def test_what_was_announced_may_come_later_and_be_less_but_not_sooner_or_more(load, monkeypatch):
    load()
    load("2026-12-31")
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 1, tzinfo=UTC))
    for day, amount in (("2026-12-30", "0.0072"), ("2026-12-31", "0.0108")):
        with pytest.raises(ValueError, match="60 days' notice"):
            load(day, amount)
    assert load("2027-01-15").added == 1
    assert load("2027-01-15", "0.0054").changed == 1


def test_a_fresh_installation_takes_the_list_as_it_is(load):
    assert load("2026-10-26").added == 2


def test_whoever_uses_it_hears_of_it_once(load):
    user, other = make_organisation(), make_organisation()
    for organisation, price_class in ((user, "a.b"), (other, "c.d")):
        UsageRecord.objects.create(
            organisation=organisation,
            project_id=1,
            instance_id=organisation.pk,
            tag_set_id=1,
            offering="postgresql",
            region="local",
            price_class=price_class,
            meter="vcpu",
            day=date(2026, 10, 20),
            quantity=1,
            consumed=1,
        )
    load()
    load("2027-01-01")
    load("2027-01-01")
    (entry,) = OutboxEntry.objects.filter(kind="price.announced")
    assert entry.organisation_id == user.pk
    words = kinds.get(entry.kind)
    assert words.title(entry.params) == "Prices change on 1 Jan 2027"
    assert "price list shows" in words.body(entry.params)


def test_the_list_tells_past_present_and_announced(load, monkeypatch):
    load()
    load("2027-01-01")
    (one,) = pricelist.changes()
    assert (one.is_rise, one.announced_at, one.at.year) == (True, NOW, 2027)
    assert pricelist.past_changes() == []
    assert [row.price.valid_from.year for row in pricelist.versions("a.b")] == [2027, 2026]
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 2, 1, tzinfo=UTC))
    assert pricelist.changes() == []
    assert [change.at for change in pricelist.past_changes()] == [one.at]
