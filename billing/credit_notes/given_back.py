"""Corrections of closed months that give back more than they take, before the invoice that would
bill them is written; and how those are left out that a credit note gave back already.

Source: shared design, billing 1.2 (close).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from billing.costs.posting import take_month
from billing.credit_notes.costs import drop_corrections
from billing.einvoice.document import ZERO
from billing.invoices.drafting import corrected_months, corrections_of
from portal.kernel.errors import Conflict
from portal.tenancy.models import Organisation

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What corrections of the month `earlier` give `back` on the invoice of `month`, net."""

    organisation: Organisation
    month: date
    earlier: date
    back: Decimal


def given_back(organisation: Organisation, month: date) -> list[GivenBack]:
    """By the month that they correct, the oldest first."""
    nets = {one: _net(organisation, month, one) for one in corrected_months(organisation, month)}
    return [GivenBack(organisation, month, one, -net) for one, net in nets.items() if net < 0]


def hold_unchanged(given: GivenBack) -> None:
    """Takes both months, the earlier first as corrections do, until the transaction ends.

    Raises: Conflict when there are more corrections by now.
    """
    take_month(given.organisation.pk, given.earlier)
    take_month(given.organisation.pk, given.month)
    if -_net(given.organisation, given.month, given.earlier) != given.back:
        raise Conflict(
            _("The costs of %(month)s were worked out again after this draft was written.")
            % {"month": f"{given.month:%Y-%m}"},
            hint=_("Nothing was issued. Draft it anew."),
        )


@transaction.atomic
def waive(given: GivenBack) -> None:
    """Leaves it out, as a correction is that comes after the credit note. Raises: Conflict as
    `hold_unchanged`.
    """
    hold_unchanged(given)
    drop_corrections(given.organisation.pk, given.earlier, given.month)
    logger.info("usage.correction_waived", extra={"month": str(given.earlier)})


def _net(organisation: Organisation, month: date, earlier: date) -> Decimal:
    return sum((line.net for line in corrections_of(organisation, month, earlier)), ZERO)
