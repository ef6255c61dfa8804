"""Who an organisation is on its invoices, and the VAT that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.identity import queries, texts
from billing.identity.fields import KINDS, LANGUAGES, LENGTHS
from portal.api.serializers.common import (
    DECIMAL,
    INTEGER,
    MOMENT,
    TEXT,
    Json,
    decimal,
    many,
    maybe,
    moment,
    one_of,
    ref,
    shape,
)
from services.spec import gettext_noop

if TYPE_CHECKING:
    from billing.models import BillingIdentity
    from billing.vat.decisions import Decision
    from portal.tenancy.models import Organisation

_HELP = {
    "country": gettext_noop("ISO 3166-1."),
    "vat_id": gettext_noop("With its prefix, as in NL004495445B01; businesses only."),
    "buyer_reference": gettext_noop(
        "A Leitweg-ID or an order mark; left empty, invoices say the slug."
    ),
    "electronic_scheme": gettext_noop("Of the code list EAS, as in 0088 or 9930."),
}
FIELDS: dict[str, Json] = {
    name: {"type": "string", "maxLength": most}
    | ({"description": _HELP[name]} if name in _HELP else {})
    for name, most in LENGTHS.items()
} | {
    "kind": one_of(*KINDS),
    "language": {
        **one_of("", *LANGUAGES),
        "description": gettext_noop(
            "Of invoices, credit notes, reminders and their mails; left empty, the installation's."
        ),
    },
}
_CODED = shape({"code": TEXT, "text": TEXT})

SCHEMAS: dict[str, Json] = {
    "BillingIdentity": shape(
        {
            "organisation": TEXT,
            **FIELDS,
            "vat_id_state": one_of("none", "plausible", "confirmed", "approved"),
            "version": INTEGER,
            "updated_at": maybe(MOMENT),
            "vat": ref("VatDecision"),
        }
    ),
    "VatDecision": shape(
        {
            "category": one_of("S", "AE", "O"),
            "percent": DECIMAL,
            "country": TEXT,
            "reason": TEXT,
            "text": TEXT,
            "exemption": TEXT,
            "notes": many(_CODED),
            "faults": {
                **many(_CODED),
                "description": gettext_noop("What keeps invoices from being issued."),
            },
        }
    ),
}


def identity(organisation: Organisation, row: BillingIdentity | None) -> Json:
    """Without one, empty fields: version 0."""
    return {
        "organisation": organisation.slug,
        **queries.values_of(row),
        "kind": row.kind if row else "business",
        "vat_id_state": row.vat_id_state if row else "none",
        "version": row.version if row else 0,
        "updated_at": moment(row.updated_at) if row else None,
        "vat": decision(queries.decision_for(organisation)),
    }


def decision(found: Decision) -> Json:
    return {
        "category": found.category,
        "percent": decimal(found.percent),
        "country": found.country,
        "reason": found.reason,
        "text": f"{texts.title(found)}, {texts.because(found)}",
        "exemption": found.exemption,
        "notes": [{"code": code, "text": texts.note_text(code)} for code in found.notes],
        "faults": [{"code": code, "text": texts.fault_text(code)} for code in found.faults],
    }
