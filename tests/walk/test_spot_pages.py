"""Spare capacity on pages: the choice with both prices, the notice, and what staff sets."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing.models import SpotFactor
from billing.spot import history
from portal.kernel import clock
from services.instances import interruptions
from services.instances.models import Instance
from services.regions.models import Region
from tests.makers import (
    make_instance,
    make_member,
    make_project,
    make_region,
    make_staff,
    make_user,
    signed_in,
)

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("plain_static", "prices", "fake"),
]


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def region():
    return make_region("fra1", name="Frankfurt", spot_vcpu=4)


@pytest.fixture
def owner(client, project, region):
    return signed_in(client, make_member(project))


@pytest.fixture
def staff(client, region):
    return signed_in(client, make_user(is_staff=True))


def text(response):
    return response.content.decode()


ORDER = {"name": "workers", "region": "fra1", "plan": "single-2x4", "spot": "1", "sent": "1"}


def test_the_order_page_shows_both_prices_before_the_click(owner):
    page = text(owner.get("/catalogue/redis/order/?plan=single-2x4&spot=1"))
    assert "How it runs" in page
    for hourly in ("0.0884", "0.0318"):  # at list, and what runs at 35 % of it
        assert f"€\u202f{hourly}" in page
    assert "No promised availability" in page
    assert "&quot;spot&quot;: true" in page
    assert "How it runs" not in text(owner.get("/catalogue/kubernetes/order/"))


def test_it_is_ordered_there(owner):
    answer = owner.post("/catalogue/redis/order/", ORDER)
    made = Instance.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/services/{made.public_id}/")
    assert made.spot
    assert "spare capacity" in text(owner.get("/services/"))


def test_a_form_that_comes_back_keeps_how_it_runs(owner):
    """Radios of one name twice in the form would share one choice, and lose it."""
    wrong = {**ORDER, "name": "No!"}
    page = text(owner.post("/catalogue/redis/order/", wrong, headers={"HX-Request": "true"}))
    assert page.count('id="runs"') == 1
    assert re.search(r'name="spot" value="1"[^>]* checked', page)
    asked = owner.get("/catalogue/redis/price/", ORDER, headers={"HX-Request": "true"})
    assert text(asked).count('id="runs" hx-swap-oob="true"') == 1


def test_without_room_nothing_is_ordered(owner, region):
    interruptions.offer_spare(actor=make_staff(), region=region, vcpu=Decimal(1))
    page = owner.post("/catalogue/redis/order/", ORDER)
    assert page.status_code == 422
    assert "Frankfurt has no spare capacity for this now." in text(page)
    assert not Instance.objects.exists()


def test_the_service_counts_down_and_waits(owner, project, region, monkeypatch):
    made = make_instance(project, region, offering="redis", plan="single-2x4", spot=True)
    page = text(owner.get(f"/services/{made.public_id}/"))
    assert "None: it runs on spare capacity" in page
    assert "Interrupted in" not in page
    began = clock.now()
    interruptions.offer_spare(actor=make_staff(), region=region, vcpu=Decimal(0))
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=30))
    page = text(owner.get(f"/services/{made.public_id}/"))
    assert "Interrupted in" in page
    assert 'hx-trigger="every 5s"' in page
    made.interruptions.update(state="interrupted", interrupted_at=clock.now())
    assert "waiting for spare capacity" in text(owner.get(f"/services/{made.public_id}/"))


def test_the_prices_are_public(client, region):
    page = text(client.get("/prices/spot/?region=fra1"))
    assert "single-2x4" in page
    assert "35 %" in page
    rows = text(client.get("/prices/spot.csv")).splitlines()
    assert rows[0].startswith("offering,plan,currency,list_hourly_net")
    assert any(row.startswith("redis,single-2x4,EUR,0.0") for row in rows)


def test_staff_gives_and_takes_back(staff, project, region):
    made = make_instance(project, region, offering="redis", plan="single-2x4", spot=True)
    answer = staff.post("/staff/spot/offer/", {"region": "fra1", "vcpu": "0"}, follow=True)
    assert "1 service is told" in text(answer)
    assert made.public_id in text(answer)
    assert Region.objects.get().spot_vcpu == 0
    answer = staff.post("/staff/spot/offer/", {"region": "fra1", "vcpu": "much"})
    assert (answer.status_code, "Enter a number of vCPU" in text(answer)) == (422, True)


def test_staff_sets_what_it_costs(staff, region):
    sent = {"place": "fra1", "percent": "50", "why": "much is used"}
    answer = staff.post("/staff/spot/price/", sent, follow=True)
    assert "much is used" in text(answer)
    row = SpotFactor.objects.get(region="fra1")
    assert row.factor == Decimal("0.50")
    for percent in ("10", "101", "33.5", ""):
        answer = staff.post("/staff/spot/price/", {"place": "", "percent": percent})
        assert answer.status_code == 422


@pytest.fixture
def unpriced(prices):
    """An update brought spare capacity, and its price file was not loaded yet."""
    with connection.cursor() as cursor:
        cursor.execute("truncate billing_spotfactor")
    history.forget_factors()
    yield
    history.forget_factors()


@pytest.mark.usefixtures("unpriced")
def test_before_it_has_a_price_all_is_ordered_at_list_price(owner):
    page = text(owner.get("/catalogue/redis/order/?plan=single-2x4"))
    assert "€\u202f0.0884" in page
    assert "How it runs" not in page
    assert owner.post("/catalogue/redis/order/", {**ORDER, "spot": ""}).status_code == 303
    assert not Instance.objects.get().spot


@pytest.mark.usefixtures("unpriced")
def test_before_it_has_a_price_staff_gives_capacity_all_the_same(staff):
    page = staff.get("/staff/spot/")
    assert page.status_code == 200
    assert "Frankfurt" in text(page)
    answer = staff.post("/staff/spot/offer/", {"region": "fra1", "vcpu": "2"}, follow=True)
    assert answer.status_code == 200
    assert Region.objects.get().spot_vcpu == 2
