"""What may be said of the price of spare capacity, and since when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import SpotFactor
from billing.spot import history
from billing.spot.factors import Said, next_hour
from portal.kernel import clock
from portal.kernel.errors import Invalid
from tests.makers import make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]

PAST = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize("key", [("fra1", ""), ("", "cache"), ("fra1", "cache")])
def test_the_files_reprice_no_hour_that_has_begun(key):
    with pytest.raises(ValueError, match="would change the past"):
        history.load([Said(*key, PAST, Decimal("0.90"))])
    begun = next_hour(clock.now()) - timedelta(hours=1)
    with pytest.raises(ValueError, match="would change the past"):
        history.load([Said(*key, begun, Decimal("0.90"))])
    assert history.load([Said(*key, next_hour(clock.now()), Decimal("0.90"))]) == 1


def test_a_first_load_begins_where_the_files_say_whatever_staff_said_before():
    truncate()
    history.say(actor=make_staff(), region="fra1", factor=Decimal("0.50"))
    assert history.load([Said("", "", PAST, Decimal("0.35"))]) == 1
    assert history.timeline(fresh=True).at("fra1", "cache", PAST) == Decimal("0.35")


def test_for_all_a_factor_is_always_said():
    with pytest.raises(Invalid) as refused:
        history.say(actor=make_staff(), region="", factor=None)
    assert "factor" in refused.value.fields
    with pytest.raises(IntegrityError, match="spot_of_all_has_a_factor"), transaction.atomic():
        SpotFactor.objects.create(at=next_hour(clock.now()), factor=None)
    assert history.say(actor=make_staff(), region="fra1", factor=None).factor is None


def truncate():
    """As before the files were loaded; a factor cannot be deleted otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("truncate billing_spotfactor")
    history.forget_factors()
