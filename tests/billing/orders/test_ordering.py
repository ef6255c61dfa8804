"""Orders: one door, one transaction, one price kept. Previews write nothing."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Order, Price
from billing.orders import ordering
from billing.pricebook import queries
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, NotPermitted, QuotaExceeded, Unavailable
from portal.kernel.money import Money
from portal.tenancy.permissions import Role
from services import registry
from services.instances import actions
from services.instances.admission import Wanted
from services.instances.models import Instance, InstanceEvent, Operation
from services.regions import quota
from services.regions.models import Quota
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_quota,
    make_region,
    order,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

SMALL, LARGE = "single-2x8", "single-4x16"
HOURLY = {"dev-1x1": "0.03548", SMALL: "0.12832", LARGE: "0.25664"}


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def entry():
    return registry.get("postgresql")


def fresh(instance):
    return Instance.objects.select_related("project__organisation", "region").get(pk=instance.pk)


def counted():
    models = (Order, Instance, Operation, InstanceEvent, AuditEvent)
    used = list(Quota.objects.order_by("pk").values_list("used", flat=True))
    return [m.objects.count() for m in models], used


def raise_prices(days: int = 0):
    """Everything costs double from `days` ahead, as a load of new files would leave it."""
    start = clock.now() + timedelta(days=days)
    for row in Price.objects.filter(price_class="database.postgresql", valid_to=None):
        Price.objects.filter(pk=row.pk).update(valid_to=start)
        double = str(2 * Decimal(row.tiers[0]["unit_price"]))
        row.pk, row.public_id = None, f"{row.public_id[:-2]}x2"
        row.valid_from, row.tiers = start, [{**row.tiers[0], "unit_price": double}]
        row.save(force_insert=True)
    queries.forget_prices()


# -- orders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "hourly"), HOURLY.items())
def test_an_order_keeps_its_price(project, region, plan, hourly):
    operation = order(project, region, plan=plan)
    kept = Order.objects.get()
    assert (kept.kind, kept.state, kept.operation) == ("create", "placed", operation)
    assert (kept.organisation, kept.instance) == (project.organisation, operation.instance)
    assert Decimal(kept.quote["hourly"]) == Decimal(hourly)
    assert Decimal(kept.quote["monthly_estimate"]) == Decimal(hourly) * 730
    assert Decimal(kept.quote["monthly_gross"]) == Decimal(hourly) * 730 * Decimal("1.21")
    assert (kept.quote["vat_percent"], kept.quote["vat_country"]) == ("21", "NL")
    published = set(Price.objects.values_list("public_id", flat=True))
    assert {line["price"] for line in kept.quote["lines"]} <= published


def test_the_price_of_the_instance_is_that_of_its_order(project, region):
    instance = make_instance(project, region, plan=SMALL)
    assert instance.price_hourly == Decimal(HOURLY[SMALL])


def test_the_snapshot_outlives_a_price_change(project, region):
    instance = make_instance(project, region, plan=SMALL)
    before = Order.objects.get().quote
    raise_prices()
    assert Order.objects.get().quote == before
    assert queries.quote_for(
        registry.get("postgresql").offering,
        registry.get("postgresql").offering.plan(SMALL),
        "local",
    ).hourly == Money(Decimal("0.25664"))
    ordering.change_order(actor=SYSTEM, instance=instance, parameters={"max_connections": 60})
    assert Decimal(Order.objects.latest("pk").quote["hourly"]) == Decimal("0.25664")


def test_an_announced_rise_does_not_apply_yet(project, region):
    raise_prices(days=60)
    order(project, region, plan=SMALL)
    assert Decimal(Order.objects.get().quote["hourly"]) == Decimal(HOURLY[SMALL])


def test_a_resize_is_charged_once_it_has_succeeded(project, region):
    instance = make_instance(project, region, plan=SMALL)
    operation = ordering.change_order(actor=SYSTEM, instance=instance, plan=LARGE)
    assert fresh(instance).price_hourly == Decimal(HOURLY[SMALL])
    assert drive(operation).state == "succeeded"
    assert fresh(instance).price_hourly == Decimal(HOURLY[LARGE])
    kept = Order.objects.latest("pk")
    assert (kept.kind, kept.quote["plan"], kept.operation) == ("update", LARGE, operation)


def test_resume_and_undelete_are_orders_too(project, region):
    instance = make_instance(project, region, plan=SMALL)
    drive(actions.pause(actor=SYSTEM, instance=fresh(instance)))
    drive(ordering.resume_order(actor=SYSTEM, instance=fresh(instance)))
    actions.edit(actor=SYSTEM, instance=fresh(instance), protected=False)
    drive(actions.delete(actor=SYSTEM, instance=fresh(instance)))
    drive(ordering.undelete_order(actor=SYSTEM, instance=fresh(instance)))
    assert fresh(instance).phase == "running"
    kinds = Order.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["create", "resume", "undelete"]
    assert {o.quote["hourly"] for o in Order.objects.all()} == {"0.128320"}


def test_a_refused_order_leaves_nothing(project, region):
    make_quota(project, region, vcpu=1)
    before = counted()
    with pytest.raises(QuotaExceeded):
        order(project, region, plan=SMALL)
    assert counted() == before


def test_a_refused_change_leaves_no_order(project, region):
    instance = make_instance(project, region)
    before = counted()
    with pytest.raises(Conflict):
        ordering.resume_order(actor=SYSTEM, instance=instance)
    with pytest.raises(Conflict):
        ordering.undelete_order(actor=SYSTEM, instance=instance)
    assert counted() == before


def test_without_a_price_nothing_can_be_ordered(project, region):
    Price.objects.filter(price_class="database.postgresql", meter="memory_gib").delete()
    queries.forget_prices()
    before = counted()
    with pytest.raises(Unavailable) as caught:
        order(project, region)
    assert (caught.value.code, caught.value.status) == ("no-price", 503)
    assert counted() == before


@pytest.mark.parametrize("role", [Role.BILLING, Role.VIEWER])
def test_who_may_not_create_may_not_order(project, region, entry, role):
    actor = actor_for(make_member(project, role))
    with pytest.raises(NotPermitted):
        order(project, region, actor=actor)
    with pytest.raises(NotPermitted):
        ordering.preview_order(
            actor=actor, wanted=Wanted(project=project, entry=entry, region=region, name="a-name")
        )
    assert not Order.objects.exists()


def test_an_order_takes_few_queries(project, region):
    make_quota(project, region, instances=5, vcpu=50, memory_mib=500_000, storage_gib=5000)
    actor = make_owner(project)
    order(project, region)  # reads the prices of the process
    with CaptureQueriesContext(connection) as caught:
        order(project, region, actor=actor)
    asked = [q["sql"] for q in caught if "SAVEPOINT" not in q["sql"]]
    assert len(asked) <= 20, asked


# -- previews --------------------------------------------------------------------------------------


def test_a_preview_says_the_price_and_the_quota_and_writes_nothing(project, region, entry):
    make_quota(project, region, vcpu=3, storage_gib=1000)
    before = counted()
    wanted = Wanted(project=project, entry=entry, region=region, name="a", plan=LARGE)
    preview = ordering.preview_order(actor=make_owner(project), wanted=wanted)
    assert counted()[0] == before[0]
    assert preview.quote.hourly == Money(Decimal(HOURLY[LARGE]))
    by_name = {line.name: line for line in preview.quota}
    assert (by_name["vcpu"].wanted, by_name["vcpu"].left, by_name["vcpu"].enough) == (4, 3, False)
    assert by_name["storage_gib"].enough
    assert not preview.within_quota
    assert (preview.before, preview.faults, preview.destroys) == (None, {}, [])


def test_a_preview_of_a_wrong_order_still_says_its_price(project, region, entry):
    wanted = Wanted(
        project=project,
        entry=entry,
        region=region,
        name="Not a name",
        plan=SMALL,
        parameters={"max_connections": 5, "colour": "blue"},
    )
    preview = ordering.preview_order(actor=SYSTEM, wanted=wanted)
    assert set(preview.faults) == {"name", "parameters.max_connections", "parameters.colour"}
    assert preview.quote.hourly == Money(Decimal(HOURLY[SMALL]))


def test_previews_count_the_version_that_would_run(project, monkeypatch):
    """Kafka's default does not run on Kubernetes."""
    counted_for = []
    needs = quota.needs

    def counting(entry, region, spec):
        counted_for.append(spec.version)
        return needs(entry, region, spec)

    monkeypatch.setattr(quota, "needs", counting)
    cluster = make_region("eu-1", backend="kubernetes")
    kafka = registry.get("kafka")
    wanted = Wanted(project=project, entry=kafka, region=cluster, name="a")
    ordering.preview_order(actor=SYSTEM, wanted=wanted)
    assert counted_for == [kafka.kubernetes.VERSIONS[0]]
    instance = make_instance(project, make_region(), version="16")
    counted_for.clear()
    ordering.preview_change(actor=SYSTEM, instance=instance)
    ordering.preview_change(actor=SYSTEM, instance=instance, version="18")
    ordering.preview_change(actor=SYSTEM, instance=instance, version="95")
    assert counted_for == ["16", "18", "16"]


def test_a_preview_asks_what_the_order_then_charges(project, region, entry):
    wanted = Wanted(project=project, entry=entry, region=region, name="orders", plan=SMALL)
    preview = ordering.preview_order(actor=SYSTEM, wanted=wanted)
    ordering.place_order(actor=SYSTEM, wanted=wanted)
    kept, shown = Order.objects.get().quote, preview.quote.as_json()
    assert {**kept, "at": ""} == {**shown, "at": ""}


def test_a_preview_of_a_change_shows_both_prices_and_the_effect(project, region):
    make_quota(project, region, vcpu=5)
    instance = make_instance(project, region, plan=SMALL)
    before = counted()
    preview = ordering.preview_change(actor=SYSTEM, instance=instance, plan=LARGE)
    assert counted() == before
    assert fresh(instance).plan == SMALL
    assert preview.before is not None
    assert preview.before.hourly == Money(Decimal(HOURLY[SMALL]))
    assert preview.quote.hourly == Money(Decimal(HOURLY[LARGE]))
    assert preview.effect == "restart"
    (vcpu,) = preview.quota
    assert (vcpu.wanted, vcpu.left, vcpu.enough) == (2, 3, True)  # two more, not four


def test_a_preview_of_a_change_that_cannot_be_says_why(project, region):
    instance = make_instance(project, region, plan=SMALL)
    preview = ordering.preview_change(actor=SYSTEM, instance=instance, plan="single-9x9")
    assert set(preview.faults) == {"plan"}
    assert preview.quote.hourly == Money(Decimal(HOURLY[SMALL]))


# -- reads -----------------------------------------------------------------------------------------


def test_the_public_list_shows_what_holds_and_what_is_announced(region):
    everything = Price.objects.filter(book="list").count()
    assert queries.prices().count() == everything
    assert {p.price_class for p in queries.prices(offering="redis")} == {"database.valkey"}
    assert not queries.prices(offering="no-such-thing").exists()
    raise_prices(days=60)
    assert queries.prices(offering="postgresql").count() == 8
    assert queries.prices(offering="postgresql", at=clock.now()).count() == 4
    assert queries.prices(at=clock.now() - timedelta(days=10_000)).count() == 0


def test_the_catalogue_prices_all_plans_with_one_query(django_assert_num_queries):
    queries.forget_prices()
    slugs = list(registry.entries())
    with django_assert_num_queries(1):
        cheapest = queries.cheapest(slugs)
        plans = queries.quotes_of(registry.get("postgresql").offering, "local")
    assert set(cheapest) == set(slugs)
    assert {p: q.hourly for p, q in plans.items() if p in HOURLY} == {
        p: Money(Decimal(h)) for p, h in HOURLY.items()
    }
    assert cheapest["postgresql"].plan == "dev-1x1"


def test_a_plan_is_quoted_at_the_price_of_another_day(region):
    offering = registry.get("postgresql").offering
    raise_prices(days=60)
    plan, day = offering.plan(SMALL), clock.now() + timedelta(days=61)
    assert queries.quote_for(offering, plan, "local").hourly == Money(Decimal("0.12832"))
    assert queries.quote_for(offering, plan, "local", at=day).hourly == Money(Decimal("0.25664"))
