"""Template tags of the console. They are built in: no template needs to load them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.formats import money as format_money
from portal.console import charts, glyphs
from portal.console.badges import Look, look_of_operation, look_of_service
from portal.console.svg import Number, quantity
from portal.kernel import clock, formats
from portal.kernel.money import Money
from portal.status.texts import moment
from services.regions.queries import QuotaLine
from services.spec import Offering

register = template.Library()
_SPACE = formats.NARROW_SPACE


# -- drawings --------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """`{% icon "plus" %}`; 16 in text, 14 beside small text, 20 in the top bar."""
    return glyphs.icon(name, size, label)


@register.simple_tag
def mark(offering: Offering, size: int = 40, off: bool = False) -> SafeString:
    """`{% mark offering 30 %}`; 24, 30, 40 or 48. `off` greys what cannot be ordered here."""
    return glyphs.mark(str(offering.family), offering.symbol, size, off=off)


@register.simple_tag
def meter(value: Number, top: Number, label: str, warn: int = 75, bad: int = 90) -> SafeString:
    return glyphs.meter(value, top, label, warn, bad)


@register.simple_tag
def sparkline(values: Sequence[Number], label: str, tone: str = "") -> SafeString:
    return glyphs.sparkline(values, label, tone)


@register.simple_tag
def uptime(days: Sequence[str | tuple[str, str]], label: str) -> SafeString:
    return glyphs.uptime(days, label)


@register.simple_tag
def timeseries(chart: dict[str, Any]) -> SafeString:
    """`chart` holds the arguments of `charts.timeseries`, so a view hands over one value."""
    return charts.timeseries(**chart)


@register.simple_tag
def bars(chart: dict[str, Any]) -> SafeString:
    return charts.bars(**chart)


@register.simple_tag
def donut(chart: dict[str, Any]) -> SafeString:
    return charts.donut(**chart)


@register.simple_tag
def no_data(title: str, text: str) -> SafeString:
    return charts.no_data(title, text)


# -- state -----------------------------------------------------------------------------------------


@register.simple_tag
def badge_look(phase: str = "", health: str = "", operation: str = "") -> Look:
    """Class and word of a badge, from a service's phase and health or an operation's state."""
    return look_of_operation(operation) if operation else look_of_service(phase, health)


# -- numbers and times -----------------------------------------------------------------------------


@register.filter
def as_json(value: Any) -> str:
    """For a data attribute: text, escaped by the template as any other."""
    return json.dumps(value)


@register.filter
def money(value: Money | Decimal | None, places: int = 2) -> str:
    """`€ 1,234.50`; hourly prices take 4 places."""
    return format_money(value, int(places))


@register.filter
def eur(value: Number | None, places: int = 2) -> str:
    """As `money`, for a bare number of euros."""
    return format_money(None if value is None else Money(Decimal(str(value))), int(places))


@register.filter
def percent(value: Decimal | None) -> str:
    """A promise, with all the digits that were promised: `99.95 %`."""
    return "—" if value is None else f"{formats.number(value)}{_SPACE}%"


@register.filter
def share(value: Decimal) -> str:
    """Per cent of the time, measured: `99.982 %`, and `100 %` only when nothing is missing."""
    return f"{formats.number(value)}{_SPACE}%"


@register.filter
def number(value: Number) -> str:
    """`1,234.5`: all its digits, with the reader's separators."""
    return formats.number(value)


@register.filter
def day(value: date | None) -> str:
    """`25 November 2026`."""
    return formats.day(value) if value else ""


@register.filter
def short_day(value: date | None) -> str:
    """`25 Nov 2026`, for tables and lists."""
    return formats.short_day(value) if value else ""


@register.filter
def month(value: date | None) -> str:
    """`November 2026`."""
    return formats.month(value) if value else ""


@register.filter
def month_of_year(value: date | None) -> str:
    """`November`, where the year is plain."""
    return formats.month_of_year(value) if value else ""


@register.filter("moment")
def exact_moment(value: datetime | None) -> str:
    """`25 Nov 2026, 14:02 CET`, in the time zone of the project."""
    return formats.moment(value) if value else ""


@register.filter
def exact_second(value: datetime | None) -> str:
    """`25 Nov 2026, 14:02:11 CET`, for logs and events."""
    return formats.moment(value, seconds=True) if value else ""


@register.filter
def utc_moment(value: datetime) -> str:
    """`25 November, 14:02 UTC`, for pages that several countries read."""
    return moment(value)


@register.filter
def mib(value: int | None) -> str:
    """Mebibytes as people read them: `512 MiB`, `4 GiB`, `1.5 TiB`."""
    if value is None:
        return "—"
    amount = float(value)
    for unit in (_("MiB"), _("GiB")):
        if amount < 1024:
            return f"{quantity(amount)}{_SPACE}{unit}"
        amount /= 1024
    return f"{quantity(amount)}{_SPACE}{_('TiB')}"


@register.filter
def gib(value: int | None) -> str:
    return "—" if value is None else mib(value * 1024)


@register.filter
def of_quota(value: Number, name: str) -> str:
    """An amount of the quota called `name`: bytes in their largest unit, all else as a number."""
    if name in ("memory_mib", "storage_gib"):
        return mib(int(value)) if name == "memory_mib" else gib(int(value))
    return quantity(value)


@register.filter
def quota_name(line: QuotaLine) -> str:
    """What it counts, without the unit that `of_quota` says."""
    return {"memory_mib": _("Memory"), "storage_gib": _("Storage")}.get(line.name, line.label)


@register.filter
def duration(value: float | timedelta | None) -> str:
    """A span in its one or two largest units: `26 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`."""
    if value is None:
        return "—"
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else value)
    units = ((86400, _("d")), (3600, _("h")), (60, _("min")), (1, _("s")))
    parts = []
    for size, name in units:
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{_SPACE}{name}")
        elif parts:
            break
    return " ".join(parts[:2]) or f"0{_SPACE}{_('s')}"


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """`3 minutes ago` in a `time` element whose title is the exact moment; a date after a week."""
    if value is None:
        return "—"
    passed = clock.now() - value
    if passed < timedelta(seconds=60):
        words = _("just now")
    elif passed < timedelta(days=7):
        words = formats.ago(passed)
    else:
        words = formats.short_day(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        formats.moment(value, seconds=True),
        words,
    )


@register.simple_tag
def things_to_fix(count: int | str) -> str:
    """The first sentence above a form with errors."""
    number = int(count)
    return ngettext("%(n)d thing to fix.", "%(n)d things to fix.", number) % {"n": number}
