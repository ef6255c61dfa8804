"""Files of costs: to download, and sent to a bucket each day. The same page for an organisation
and, with the costs of all, for the provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.focus import exports
from billing.focus.columns import V1_2, VERSIONS, Dataset, datasets_of
from billing.focus.export_notices import error_text
from billing.focus.uploading import Outcome
from billing.focus.writing import CSV, FORMATS
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.formats import short_day
from portal.notifications import targets
from portal.tenancy import access
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

_MONTHS = 13
_NAMES = {
    Dataset.COST_AND_USAGE: gettext_noop("Charges"),
    Dataset.BILLING_PERIOD: gettext_noop("Billing periods"),
    Dataset.INVOICE_DETAIL: gettext_noop("Lines of invoices"),
    Dataset.CONTRACT_COMMITMENT: gettext_noop("Commitments"),
}


def page(
    actor: Actor,
    organisation: Organisation | None,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/exports.html; without an organisation, the provider's. Raises:
    NotPermitted.
    """
    row = exports.export_for(actor, organisation)
    values = {"region": "us-east-1", "version": V1_2, "format": CSV}
    if row is not None:
        values = {name: getattr(row, name) for name in exports.FIELDS}
    uploads = exports.uploads_of(row) if row else []
    return {
        "organisation": organisation,
        "export": row,
        "host": targets.host_of(row.endpoint) if row else "",
        "may_change": organisation is None or _may_change(actor, organisation),
        "typed": values | dict(typed or {}),
        "errors": errors or {},
        "versions": VERSIONS,
        "formats": list(FORMATS),
        "datasets": [(set_.value, _(_NAMES[set_])) for set_ in datasets_of(VERSIONS[-1])],
        "months": _months(),
        "lines": [(upload, error_text(upload.error)) for upload in uploads],
        "next_day": short_day(date.fromisoformat(exports.next_day(row))) if row else "",
    }


def told(outcome: Outcome) -> str:
    """What came of a try, in a sentence."""
    if not outcome.error:
        return _("Polder can write there: polder-test.txt lies in the bucket.")
    return " ".join(filter(None, (error_text(outcome.error), outcome.detail)))


def _may_change(actor: Actor, organisation: Organisation) -> bool:
    held = access.permissions_in_organisation(actor, organisation)
    return Permission.BILLING_MANAGE in held


def _months() -> list[date]:
    """This month and those before it, newest first."""
    today = clock.now().date()
    count = today.year * 12 + today.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(count, count - _MONTHS, -1)]
