"""What people hear of prices that will change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from billing.models import UsageRecord
from billing.pricebook.classes import class_label
from portal.kernel import clock
from portal.notifications import kinds
from portal.notifications.kinds import Kind
from portal.outbox.actions import notify
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from billing.pricebook.files import PriceRow
    from portal.notifications.kinds import Params

_KIND = "price.announced"
_USED_WITHIN = timedelta(days=35)


def tell(rows: Iterable[PriceRow]) -> None:
    """Every organisation that used of late what changes, once for each day on which prices change.
    Call it in the transaction that announces the changes.
    """
    days: dict[date, set[str]] = {}
    for row in rows:
        days.setdefault(row.valid_from.date(), set()).add(row.price_class)
    since = clock.now().date() - _USED_WITHIN
    for day, classes in sorted(days.items()):
        used = UsageRecord.objects.filter(day__gte=since, price_class__in=classes)
        found: dict[int, list[str]] = {}
        for organisation, price_class in used.values_list("organisation", "price_class").distinct():
            found.setdefault(organisation, []).append(price_class)
        for organisation, theirs in sorted(found.items()):
            params = {"day": day.isoformat(), "class": min(theirs), "count": len(theirs)}
            notify(_KIND, organisation_id=organisation, params=params)


def _title(params: Params) -> str:
    day = str(params.get("day", ""))
    shown = date_format(date.fromisoformat(day), "DATE_FORMAT") if day else "…"
    return _("Prices change on %(day)s") % {"day": shown}


def _body(params: Params) -> str:
    others = int(params.get("count", 1)) - 1
    name = class_label(str(params.get("class", "")))
    if not others:
        return _("You use %(name)s. The price list shows it as it is now and as it will be.") % {
            "name": name
        }
    text = ngettext(
        "You use %(name)s and %(n)s other. The price list shows them as they are now and as they "
        "will be.",
        "You use %(name)s and %(n)s others. The price list shows them as they are now and as they "
        "will be.",
        others,
    )
    return text % {"name": name, "n": others}


def register() -> None:
    """At start."""
    kinds.register(
        Kind(
            _KIND,
            _title,
            _body,
            label=gettext_noop("Prices of what you use will change"),
            icon="wallet",
            tone="info",
            group=gettext_noop("Money"),
            url_name="console:prices",
            targeted=False,
            everyone=Permission.COST_VIEW,
            mail=True,
        )
    )
