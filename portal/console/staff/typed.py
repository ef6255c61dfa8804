"""What staff types into forms: times in UTC, since several countries read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

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
