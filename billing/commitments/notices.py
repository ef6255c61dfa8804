"""What people hear of what they reserved."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.notifications import kinds
from portal.notifications.kinds import Kind
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from portal.notifications.kinds import Params


def _ending(params: Params) -> str:
    end = str(params.get("end", ""))
    day = date_format(date.fromisoformat(end), "DATE_FORMAT") if end else "…"
    return _("%(what)s is reserved until %(day)s") % {"what": params.get("what", "…"), "day": day}


def _then(_params: Params) -> str:
    return _("After that it is paid on demand again. Renew it to keep the lower price.")


def register() -> None:
    """At start."""
    kinds.register(
        Kind(
            "commitment.ending",
            _ending,
            _then,
            label=gettext_noop("Capacity that you reserved comes to its end"),
            icon="calendar-clock",
            tone="warn",
            group=gettext_noop("Money"),
            url_name="console:commitments",
            targeted=False,
            everyone=Permission.BILLING_MANAGE,
            mail=True,
        )
    )
