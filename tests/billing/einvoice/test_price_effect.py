"""What a change of prices does to a month: rated by rating itself, and nothing is left of it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from billing import tasks
from billing.models import CostLine, CostRollup, Price, PriceEffect, RatedMonth
from billing.pricebook import queries
from billing.rating import months as rating
from billing.rating import price_effect
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, NotPermitted
from portal.tenancy.permissions import Role
from services.instances.models import Instance
from tests.billing.einvoice.test_drafting import MONTH, a_provider, organisation
from tests.makers import actor_for, make_member, make_staff, make_user, signed_in

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,  # a month each time
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider"),
]
AT = datetime(2027, 2, 1, tzinfo=UTC)
PAGE = "/staff/prices/"


@pytest.fixture
def announced(organisation):
    """vCPUs of PostgreSQL at half as much again, from February on."""
    old = Price.objects.get(price_class="database.postgresql", meter="vcpu", category="standard")
    Price.objects.filter(pk=old.pk).update(valid_to=AT)
    amount = Decimal(old.tiers[0]["unit_price"]) * Decimal("1.5")
    old.pk, old.public_id, old.valid_from = None, "pr-announced", AT
    old.tiers = [{**old.tiers[0], "unit_price": str(amount)}]
    old.announced_at = clock.now()
    old.save()
    queries.forget_prices()
    yield organisation
    queries.forget_prices()


def everything():
    models = (CostLine, CostRollup, RatedMonth, Price)
    return [list(model.objects.order_by("pk").values()) for model in models]


def paid(meter=""):
    rows = CostLine.objects.filter(day__month=10, category="usage")
    rows = rows.filter(meter=meter) if meter else rows
    return sum(rows.values_list("billed_cost", flat=True))


def test_it_is_what_rating_would_charge_and_nothing_is_left_of_it(announced):
    before = everything()
    now = price_effect.costs_at(MONTH, clock.now())
    then = price_effect.costs_at(MONTH, AT)
    assert everything() == before
    assert now == {announced.pk: paid()}
    assert then == {announced.pk: paid() + paid("vcpu") / 2}
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_class where relpersistence = 't'")
        assert cursor.fetchone() == (0,)
    end = datetime(2026, 1, 2, tzinfo=UTC)
    Price.objects.filter(valid_to=AT).update(valid_to=end)
    Price.objects.filter(valid_from=AT).update(valid_from=end)
    rating.rate(MONTH)
    assert paid() == then[announced.pk]


def test_a_closed_month_is_rated_for_it_too(announced):
    RatedMonth.objects.update(closed_at=clock.now())
    assert price_effect.costs_at(MONTH, AT)[announced.pk] > paid()


def test_a_worker_keeps_it(announced, hints):
    row = price_effect.begin_effect(actor=make_staff(), month=MONTH, at=AT)
    with pytest.raises(Conflict, match="already"):
        price_effect.begin_effect(actor=SYSTEM, month=MONTH, at=AT)
    tasks.price_effects()
    assert hints.count(price_effect.TASK) == 1
    tasks.work_out_price_effect(row.pk)
    row.refresh_from_db()
    now, then = row.costs[announced.slug]
    assert (row.state, Decimal(now)) == ("done", paid())
    assert Decimal(then) == paid() + paid("vcpu") / 2
    tasks.work_out_price_effect(row.pk)
    assert price_effect.waiting() == []


def test_what_fails_is_told(announced, monkeypatch):
    def broken(month):
        raise RuntimeError("no bug of ours")

    row = price_effect.begin_effect(actor=SYSTEM, month=MONTH, at=AT)
    monkeypatch.setattr(rating, "rate", broken)
    price_effect.work_out(row)
    assert PriceEffect.objects.get().state == "failed"


def test_only_staff_asks(announced):
    member = actor_for(make_member(announced.projects.first(), Role.OWNER))
    with pytest.raises(NotPermitted):
        price_effect.begin_effect(actor=member, month=MONTH, at=AT)
    with pytest.raises(NotPermitted):
        price_effect.effects(member, MONTH)


# -- pages -----------------------------------------------------------------------------------------


@pytest.fixture
def staff(client, plain_static):
    return signed_in(client, make_user(is_staff=True))


def test_the_page_says_what_is_announced_and_what_it_does(staff, announced):
    text = staff.get(PAGE).content.decode()
    assert "1 February 2027" in text
    assert "rises" in text
    text = staff.post(PAGE, {"at": AT.isoformat()}, follow=True).content.decode()
    assert 'hx-trigger="every 2s"' in text
    price_effect.work_out(PriceEffect.objects.get())
    text = staff.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" not in text
    assert announced.name in text
    assert f"{round(paid(), 2)}" in text
    assert f"{round(paid('vcpu') / 2, 2)}" in text


def test_an_unknown_day_is_told(staff, announced):
    assert staff.post(PAGE, {"at": "2030-01-01"}).status_code == 422


def test_without_an_announcement_the_page_says_so(staff, organisation):
    assert "No change is announced" in staff.get(PAGE).content.decode()


def test_everybody_reads_the_history(client, plain_static, announced):
    chosen = client.get("/prices/history/?class=database.postgresql").content.decode()
    assert "0.03888" in chosen
    assert "0.02592" in chosen
    assert "No price has changed so far" in client.get("/prices/history/").content.decode()
    rows = client.get("/prices/history.csv").content.decode()
    assert "2027-02-01" in rows


def test_a_change_that_has_begun_is_history(client, plain_static, announced, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 3, 1, tzinfo=UTC))
    text = client.get("/prices/history/").content.decode()
    assert "0.03888" in text
    assert "No price has changed" not in text


def test_the_costs_of_a_service_tell_of_it(client, plain_static, announced):
    instance = Instance.objects.order_by("pk").first()
    reader = signed_in(client, make_member(announced.projects.first(), Role.OWNER))
    text = reader.get(f"/services/{instance.public_id}/costs/").content.decode()
    assert "the plan of this service costs" in text
    other = Instance.objects.order_by("pk").last()
    Price.objects.filter(public_id="pr-announced").delete()
    queries.forget_prices()
    text = reader.get(f"/services/{other.public_id}/costs/").content.decode()
    assert "the plan of this service costs" not in text
