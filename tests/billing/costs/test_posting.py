"""Cost lines that are no usage: exactly once, to the cent, and never in a closed month."""

from datetime import date
from decimal import Decimal

import pytest
from django.db.models import Sum

from billing.costs.posting import Category, Posting, post, withdraw
from billing.models import CostLine, CostRollup, RatedMonth
from portal.kernel import clock
from portal.kernel.errors import Conflict
from tests.makers import make_instance, make_organisation, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

DAY = date(2026, 10, 31)


def credit(organisation, amount="-3.20", name="a", **fields):
    reference = f"sla:2026-10:{name}"
    about = {"instance": name, "month": "2026-10"}
    return Posting(
        organisation=organisation,
        day=DAY,
        category=Category.CREDIT,
        amount=Decimal(amount),
        reference=reference,
        about=about,
        **fields,
    )


def sums(organisation):
    rows = CostRollup.objects.filter(organisation=organisation, day=DAY)
    return {
        row["category"]: row["sum"]
        for row in rows.values("category").annotate(sum=Sum("billed_cost"))
    }


def test_a_posting_is_a_line_and_part_of_the_sums():
    organisation = make_organisation()
    line = post(credit(organisation))
    assert (line.billed_cost, line.category, line.day) == (Decimal("-3.20"), "credit", DAY)
    assert sums(organisation) == {"credit": Decimal("-3.20")}
    assert RatedMonth.objects.get(organisation=organisation).lines == 1


def test_the_same_again_changes_nothing():
    organisation = make_organisation()
    first, second = post(credit(organisation)), post(credit(organisation))
    assert first.pk == second.pk
    assert sums(organisation) == {"credit": Decimal("-3.20")}


def test_another_amount_replaces_it():
    organisation = make_organisation()
    post(credit(organisation))
    post(credit(organisation, "-6.40"))
    assert sums(organisation) == {"credit": Decimal("-6.40")}
    assert CostLine.objects.count() == RatedMonth.objects.get().lines == 1


def test_what_is_withdrawn_is_gone():
    organisation = make_organisation()
    post(credit(organisation))
    post(credit(organisation, name="b"))
    assert withdraw("sla:2026-10:a")
    assert not withdraw("sla:2026-10:a")
    assert sums(organisation) == {"credit": Decimal("-3.20")}
    assert RatedMonth.objects.get().lines == 1


def test_it_says_whose_service_it_is_for():
    instance = make_instance(make_project(), make_region())
    line = post(credit(instance.project.organisation, instance=instance))
    assert (line.instance, line.project) == (instance, instance.project)
    assert (line.offering, line.region) == (instance.offering, instance.region.code)


def test_a_closed_month_takes_and_gives_nothing():
    organisation = make_organisation()
    post(credit(organisation))
    RatedMonth.objects.update(closed_at=clock.now())
    assert post(credit(organisation)).billed_cost == Decimal("-3.20")
    with pytest.raises(Conflict, match="closed"):
        post(credit(organisation, "-6.40"))
    with pytest.raises(Conflict, match="closed"):
        post(credit(organisation, name="b"))
    with pytest.raises(Conflict, match="closed"):
        withdraw("sla:2026-10:a")
    assert sums(organisation) == {"credit": Decimal("-3.20")}


@pytest.mark.parametrize(
    ("amount", "wrong"), [("-3.205", "parts of a cent"), ("3.20", "does not suit")]
)
def test_amounts_that_cannot_be(amount, wrong):
    with pytest.raises(ValueError, match=wrong):
        post(credit(make_organisation(), amount))


def test_a_kind_without_a_text_is_refused():
    posting = credit(make_organisation())
    unknown = Posting(
        organisation=posting.organisation,
        day=DAY,
        category=Category.PURCHASE,
        amount=Decimal(1),
        reference="gift:1",
    )
    with pytest.raises(ValueError, match="no kind"):
        post(unknown)
