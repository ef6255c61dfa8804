"""What an organisation without billing details may use, and what happens when it is used up."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.free_tier import allowances as free_tier
from billing.free_tier import watch
from billing.models import BillingIdentity, FreeTierNotice
from billing.orders import ordering
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import BudgetExceeded
from portal.outbox.models import OutboxEntry
from services import registry
from services.instances import opening
from services.instances.admission import Wanted
from services.instances.models import Operation
from services.instances.states import Phase
from services.spec import Capability
from tests.billing.rating.test_months import used
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

HOUR, CLASS = 3600, "database.postgresql"


@pytest.fixture(autouse=True)
def _on(settings, monkeypatch):
    settings.POLDER_FREE_TIER = True
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 20, 9, tzinfo=UTC))


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def region():
    return make_region()


def order(project, region, plan, offering="postgresql", name="mine"):
    entry = registry.get(offering)
    wanted = Wanted(project=project, entry=entry, region=region, name=name, plan=plan)
    return ordering.place_order(actor=SYSTEM, wanted=wanted)


def uses(instance, hours, meter="vcpu", allowance="dev"):
    day = date(2026, 11, 10)
    return used(instance, 1, hours * HOUR, meter, CLASS, allowance=allowance, day_of=day)


def test_the_dev_plan_of_the_bundle_can_be_ordered_once(project, region):
    assert order(project, region, "dev-1x1")
    with pytest.raises(BudgetExceeded, match="more than the free tier gives"):
        order(project, region, "dev-1x1", name="another")


@pytest.mark.parametrize(("offering", "plan"), [("postgresql", "single-2x8"), ("redis", "dev-1x1")])
def test_what_costs_something_is_refused_with_what_to_do(project, region, offering, plan):
    with pytest.raises(BudgetExceeded, match="not part of the free tier") as raised:
        order(project, region, plan, offering)
    assert "billing details" in raised.value.hint
    assert raised.value.code == "free-tier-exceeded"


def test_what_is_counted_by_use_and_cannot_be_paused_is_refused(project, region):
    with pytest.raises(BudgetExceeded, match="cannot be paused in") as raised:
        order(project, region, "dev-1x1", "functions")
    assert raised.value.code == "free-tier-exceeded"
    pays(project)
    assert order(project, region, "dev-1x1", "functions")


def test_what_is_counted_by_use_and_can_be_paused_is_ordered(project, region, monkeypatch):
    able = frozenset({Capability.PAUSE})
    monkeypatch.setattr(opening, "capabilities_in", lambda _entry, _region: able)
    assert order(project, region, "dev-1x1", "functions")


def test_what_cannot_be_paused_and_never_uses_more_is_ordered(project, region, monkeypatch):
    """A month of the one development database is what is given away."""
    monkeypatch.setattr(opening, "capabilities_in", lambda _entry, _region: frozenset())
    assert order(project, region, "dev-1x1")


def test_what_cannot_be_paused_is_not_resumed_either(project, region, settings):
    settings.POLDER_FREE_TIER = False
    instance = make_instance(project, region, offering="functions", plan="dev-1x1")
    settings.POLDER_FREE_TIER = True
    fault = free_tier.fault_of(
        project.organisation,
        region,
        registry.get("functions").offering,
        registry.get("functions").offering.plan("dev-1x1"),
        instance,
    )
    assert "cannot be paused" in fault


def test_more_storage_than_the_bundle_is_refused(project, region):
    with pytest.raises(BudgetExceeded, match="more than the free tier gives"):
        order(project, region, "single-4x16", "object-storage")


def test_who_pays_may_order_anything(project, region):
    pays(project)
    assert order(project, region, "single-2x8")


def pays(project):
    BillingIdentity.objects.create(organisation=project.organisation, country="NL")


def test_off_by_default_nothing_is_refused(project, region, settings):
    settings.POLDER_FREE_TIER = False
    assert order(project, region, "single-2x8")
    assert free_tier.allowances_for(SYSTEM, project.organisation) is None


def test_the_preview_says_so_before_the_click(project, region):
    entry = registry.get("postgresql")
    wanted = Wanted(project=project, entry=entry, region=region, name="mine", plan="single-2x8")
    found = ordering.preview_order(actor=SYSTEM, wanted=wanted)
    assert "not part of the free tier" in found.faults["plan"]


def test_a_larger_plan_is_refused_and_the_way_back_is_not(project, region):
    instance = make_instance(project, region, plan="dev-1x1")
    with pytest.raises(BudgetExceeded):
        ordering.change_order(actor=SYSTEM, instance=instance, plan="single-2x8")
    assert ordering.change_order(actor=SYSTEM, instance=instance, parameters={})


def test_what_is_left_counts_what_may_draw_on_it(project, region):
    instance = make_instance(project, region, plan="dev-1x1")
    uses(instance, 146)
    uses(instance, 500, allowance="")
    found = free_tier.allowances_for(SYSTEM, project.organisation)
    vcpu = next(left for left in found if (left.price_class, left.meter) == (CLASS, "vcpu"))
    assert (vcpu.free, vcpu.used, vcpu.percent) == (730, 146, 20)


def events(kind):
    return OutboxEntry.objects.filter(kind=f"free_tier.{kind}").count()


def test_at_80_percent_people_are_told_once(project, region):
    uses(make_instance(project, region, plan="dev-1x1"), 584)
    for _ in range(2):
        watch.watch()
    assert (events("nearly_used_up"), events("used_up")) == (1, 0)
    assert not Operation.objects.filter(kind="pause").exists()


def test_at_100_percent_what_draws_on_it_is_paused_once(project, region, settings):
    instance = make_instance(project, region, plan="dev-1x1")
    beside = before_the_switch(settings, project, region)
    uses(instance, 730)
    for _ in range(2):
        watch.watch()
    operation = Operation.objects.get(kind="pause")
    assert (operation.instance, operation.requested_by) == (instance, SYSTEM.name)
    assert events("used_up") == 1
    assert FreeTierNotice.objects.count() == 1
    beside.refresh_from_db()
    assert beside.phase == Phase.RUNNING


def test_what_may_not_draw_on_it_is_not_paused_with_it(project, region, settings):
    """A database of production of the same kind, from before there was a free tier."""
    settings.POLDER_FREE_TIER = False
    beside = make_instance(project, region, plan="single-2x8")
    instance = make_instance(project, region, plan="dev-1x1")
    settings.POLDER_FREE_TIER = True
    uses(beside, 1500, allowance="")
    uses(instance, 730)
    watch.watch()
    assert [row.instance for row in Operation.objects.filter(kind="pause")] == [instance]


def test_what_was_paused_is_not_resumed_before_next_month(project, region, monkeypatch):
    instance = make_instance(project, region, plan="dev-1x1")
    uses(instance, 730)
    instance.phase = Phase.PAUSED
    instance.save()
    with pytest.raises(BudgetExceeded, match="used up"):
        ordering.resume_order(actor=SYSTEM, instance=instance)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 1, 1, tzinfo=UTC))
    assert ordering.resume_order(actor=SYSTEM, instance=instance)


def test_billing_details_let_it_go_on(project, region):
    instance = make_instance(project, region, plan="dev-1x1")
    uses(instance, 730)
    pays(project)
    watch.watch()
    assert not Operation.objects.filter(kind="pause").exists()
    assert events("used_up") == 0


def test_what_cannot_be_paused_now_is_tried_again(project, region):
    instance = make_instance(project, region, plan="dev-1x1")
    uses(instance, 730)
    waits = Operation.objects.create(
        public_id="op-1", instance=instance, kind="update", state="running", deadline=clock.now()
    )
    watch.watch()
    assert not Operation.objects.filter(kind="pause").exists()
    waits.delete()
    watch.watch()
    assert Operation.objects.filter(kind="pause").count() == 1
    assert events("used_up") == 1


def before_the_switch(settings, project, region):
    settings.POLDER_FREE_TIER = False
    made = make_instance(project, region, offering="redis", plan="single-2x8")
    settings.POLDER_FREE_TIER = True
    return made


def test_what_ran_before_the_switch_and_has_no_allowance_goes_on(project, region, settings):
    instance = before_the_switch(settings, project, region)
    used(instance, 1, 5000 * HOUR, "vcpu", "database.valkey", day_of=date(2026, 11, 10))
    watch.watch()
    assert not FreeTierNotice.objects.exists()
    assert Decimal(0) == sum(
        left.used for left in free_tier.allowances_for(SYSTEM, project.organisation)
    )
