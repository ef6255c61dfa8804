"""What an announced change of prices does to what is paid: the usage of a month, rated at the
prices that hold now and at those that will.

Rating itself does it (`billing.rating.months.rate`), in tables of the same names that stand before
the real ones for a moment, the price list among them: there is no second formula. It is worked out
by a worker and kept, for a month of the whole cloud takes as long as rating it.
"""

from __future__ import annotations

import logging
from datetime import date, datetime
from decimal import Decimal

from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing.locks import alone
from billing.models import PriceEffect
from billing.rating import months as rating
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict
from portal.outbox.actions import hint
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff

logger = logging.getLogger(__name__)
TASK = "billing.tasks.work_out_price_effect"
_LOCK = 0x6566666563
_State = PriceEffect.State


@transaction.atomic
def begin_effect(*, actor: Actor, month: date, at: datetime) -> PriceEffect:
    """Has workers find out what the usage of `month` costs at the prices that hold at `at`.

    Raises: NotPermitted; Conflict while the same is being found out.
    """
    require_staff(actor)
    open_ones = PriceEffect.objects.filter(state=_State.WAITING, month=month, at=at)
    if open_ones.exists():
        raise Conflict(_("This is being worked out already."), hint=_("Wait until it is done."))
    row = PriceEffect.objects.create(month=month, at=at, created_at=clock.now())
    record(
        actor,
        "price_effect.begin",
        "price_effect",
        f"{month:%Y-%m}",
        chain=PROVIDER,
        after={"at": at.isoformat()},
    )
    transaction.on_commit(lambda: hint(TASK, row.pk))
    return row


def work_out(row: PriceEffect) -> None:
    """Keeps the effect. Nothing when another worker is at any, or when it is there."""
    with alone(_LOCK) as mine:
        row.refresh_from_db()
        if not mine or row.state != _State.WAITING:
            return
        try:
            now = costs_at(row.month, clock.now())
            then = costs_at(row.month, row.at)
        except Exception:  # whatever it is, a person must see that nothing comes of it
            logger.exception("price_effect.failed", extra={"month": str(row.month)})
            row.state = _State.FAILED
        else:
            row.state, row.costs = _State.DONE, _by_slug(now, then)
        row.finished_at = clock.now()
        row.save()


def effects(actor: Actor, month: date) -> dict[datetime, PriceEffect]:
    """The newest of each moment. Raises: NotPermitted."""
    require_staff(actor)
    rows = PriceEffect.objects.filter(month=month).order_by("pk")
    return {row.at: row for row in rows}


def waiting() -> list[PriceEffect]:
    """For the sweep."""
    return list(PriceEffect.objects.filter(state=_State.WAITING).order_by("pk"))


@transaction.atomic
def costs_at(month: date, at: datetime) -> dict[int, Decimal]:
    """What each organisation's usage of a calendar month costs at the prices that hold at `at`,
    exact, net; by key. What is reserved counts as in the month itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PRICES_THEN, {"at": at})
        cursor.execute(_ALL_MONTH, {"month": month})
        for statement in _STAND_IN:
            cursor.execute(statement)
        rating.rate(month)
        cursor.execute(_SUMS)
        found: dict[int, Decimal] = dict(cursor.fetchall())
        cursor.execute(_STAND_BACK)
    return found


def _by_slug(now: dict[int, Decimal], then: dict[int, Decimal]) -> dict[str, list[str]]:
    slugs = dict(Organisation.objects.filter(pk__in={*now, *then}).values_list("pk", "slug"))
    nothing = Decimal(0)
    return {
        slugs[key]: [f"{now.get(key, nothing):f}", f"{then.get(key, nothing):f}"]
        for key in sorted({*now, *then})
    }


# As if they had held all the month.
_PRICES_THEN = """
create temporary table price_then on commit drop as
select * from billing_price
where (book = 'list' or book like 'spot-%%')
  and valid_from <= %(at)s and (valid_to is null or valid_to > %(at)s)"""

_ALL_MONTH = """
update price_then set valid_from = %(month)s::timestamp at time zone 'UTC', valid_to = null"""

# Temporary tables come first in the search for a name, and nobody else sees them.
_STAND_IN = [
    f"create temporary table {name} (like {name} including all) on commit drop"
    for name in (
        *("billing_price", "billing_ratedmonth", "billing_costline", "billing_costrollup"),
        "billing_instancerollup",
    )
] + ["insert into billing_price select * from price_then", "drop table price_then"]

_SUMS = """
select organisation_id, sum(billed_cost) from pg_temp.billing_costrollup
where category = 'usage' group by 1"""

_STAND_BACK = """
drop table pg_temp.billing_price, pg_temp.billing_ratedmonth, pg_temp.billing_costline,
  pg_temp.billing_costrollup, pg_temp.billing_instancerollup"""
