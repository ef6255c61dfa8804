"""What staff types into forms: times in UTC, since several countries read them; and money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from portal.kernel.errors import Invalid


def moment(sent: Mapping[str, str], name: str) -> datetime | None:
    """A time as a `datetime-local` field sends it; None for an empty one. Raises: Invalid."""
    text = sent.get(name, "").strip()
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid({name: _("Give a day and a time, as in 2026-12-31 23:00.")}) from error


def needed_moment(sent: Mapping[str, str], name: str) -> datetime:
    """Raises: Invalid, also when it is empty."""
    found = moment(sent, name)
    if found is None:
        raise Invalid({name: _("Give a day and a time.")})
    return found


def shown(value: datetime | None) -> str:
    """As a `datetime-local` field takes it."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M}"


def needed_day(sent: Mapping[str, str], name: str) -> date:
    """A day as a `date` field sends it. Raises: Invalid, also when it is empty."""
    try:
        return date.fromisoformat(sent.get(name, "").strip())
    except ValueError as error:
        raise Invalid({name: _("Give a day, as in 2026-12-31.")}) from error


def amount(sent: Mapping[str, str], name: str) -> Decimal | None:
    """Money with a point or a comma before the cents; None for an empty field. Raises: Invalid."""
    text = "".join(sent.get(name, "").split())
    if not text:
        return None
    try:
        found = Decimal(text.replace(",", ".") if text.count(",") == 1 else text)
    except InvalidOperation as error:
        raise Invalid({name: _("Give an amount, as in 1234.50.")}) from error
    if not found.is_finite() or abs(found) >= 10**12:
        raise Invalid({name: _("Give an amount, as in 1234.50.")})
    return found


def needed_amount(sent: Mapping[str, str], name: str) -> Decimal:
    """Raises: Invalid, also when it is empty."""
    found = amount(sent, name)
    if found is None:
        raise Invalid({name: _("Give an amount, as in 1234.50.")})
    return found
