"""What a posted cost line is for, in words. A line holds its kind (what stands before the first
colon of its reference) and the parameters; the text is made in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# Kind → text. A parameter that a text names stands in `CostLine.about`.
KINDS = {
    "sla": gettext_noop("Credit: a promise not kept, %(instance)s in %(month)s"),
    "voucher": gettext_noop("Credit: voucher"),
    "carried": gettext_noop("Carried over from corrections for %(month)s"),
    "carry": gettext_noop("Carried over to the next invoice: corrections for %(month)s"),
    "credit-note": gettext_noop("Credit note %(number)s"),
    "commitment": gettext_noop("Reserved capacity: %(what)s"),
}


def charge_text(reference: str, about: Mapping[str, str]) -> str:
    """Raises: KeyError for a kind without a text, or a parameter that is missing."""
    return _(KINDS[reference.partition(":")[0]]) % about
