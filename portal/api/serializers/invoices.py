"""Invoices: what is to be paid for a month, and its lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from billing.dunning.steps import hold_of
from billing.invoices.queries import document_of, formats_of, vat_evidence_of
from billing.invoices.standing import State, standing
from portal.api.serializers.common import (
    DAY,
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
    from billing.einvoice.document import Line
    from billing.models import Invoice

_KINDS = {"380": "invoice", "381": "credit_note"}
_HEAD: dict[str, Json] = {
    "id": TEXT,
    "number": maybe(TEXT),
    "kind": one_of(*_KINDS.values()),
    "status": one_of("draft", "issued"),
    "state": one_of(*State),
    "organisation": TEXT,
    "month": DAY,
    "currency": TEXT,
    "net": DECIMAL,
    "vat": DECIMAL,
    "gross": DECIMAL,
    "due_on": maybe(DAY),
    "paid": DECIMAL,
    "credited": DECIMAL,
    "left": DECIMAL,
    "corrects": maybe(TEXT),
    "issued_at": maybe(MOMENT),
}
SCHEMAS: dict[str, Json] = {
    "Invoice": shape(_HEAD),
    "InvoiceDetails": shape(
        {
            **_HEAD,
            "hash": TEXT,
            "held_until": {
                **maybe(DAY),
                "description": gettext_noop(
                    "Until then there are no reminders of it, and nothing is suspended for it."
                ),
            },
            "held_because": TEXT,
            "lines": many(ref("InvoiceLine")),
            "formats": many(TEXT),
            "vat_evidence": maybe(ref("VatEvidence")),
        }
    ),
    "VatEvidence": shape(
        {
            "rules": TEXT,
            "on": DAY,
            "buyer": TEXT,
            "country": TEXT,
            "vat_id": TEXT,
            "vat_id_state": TEXT,
            "vat_id_checked_at": maybe(MOMENT),
            "vat_id_check": TEXT,
            "registration_number": TEXT,
            "proofs": many(ref("VatProof")),
            "percent": maybe(DECIMAL),
            "percent_source": TEXT,
        }
    ),
    "VatProof": shape({"kind": TEXT, "country": TEXT, "source": TEXT, "at": MOMENT}),
    "InvoiceLine": shape(
        {
            "line": INTEGER,
            "name": TEXT,
            "quantity": DECIMAL,
            "unit": TEXT,
            "unit_price": DECIMAL,
            "base_quantity": DECIMAL,
            "net": DECIMAL,
            "vat_percent": DECIMAL,
            "from": DAY,
            "to": DAY,
            "sku": TEXT,
        }
    ),
}


def invoices(rows: Sequence[Invoice]) -> list[Json]:
    return [_head(row) for row in rows]


def invoice(row: Invoice, made: Sequence[str]) -> Json:
    """`made` are the formats that there always are."""
    document, hold = document_of(row), hold_of(row)
    return _head(row) | {
        "hash": row.hash,
        "held_until": hold.until.isoformat() if hold else None,
        "held_because": hold.reason if hold else "",
        "lines": [_line(number, line) for number, line in enumerate(document.lines, 1)],
        "formats": [*formats_of(row), *made],
        "vat_evidence": _vat_evidence(vat_evidence_of(row)),
    }


def _vat_evidence(found: Json | None) -> Json | None:
    if found is None:
        return None
    rate, proof = found["rate"] or {}, found["vat_id"]["proof"]
    return {
        "rules": found["rules"],
        "on": found["on"],
        "buyer": found["buyer"]["kind"],
        "country": found["buyer"]["country"],
        "vat_id": found["vat_id"]["number"],
        "vat_id_state": found["vat_id"]["state"],
        "vat_id_checked_at": proof.get("at"),
        "vat_id_check": proof.get("number", ""),
        "registration_number": found["registration_number"],
        "proofs": found["proofs"],
        "percent": rate.get("percent"),
        "percent_source": rate.get("source", ""),
    }


def _head(row: Invoice) -> Json:
    stands = standing(row)
    return {
        "id": row.public_id,
        "number": row.number,
        "kind": _KINDS[row.kind],
        "status": row.status,
        "state": stands.state,
        "organisation": row.organisation.slug,
        "month": row.month.isoformat(),
        "currency": row.currency,
        "net": decimal(row.net),
        "vat": decimal(row.vat),
        "gross": decimal(row.gross),
        "due_on": row.due_on.isoformat() if row.due_on else None,
        "paid": decimal(stands.paid),
        "credited": decimal(stands.credited),
        "left": decimal(stands.left),
        "corrects": row.corrects.number if row.corrects else None,
        "issued_at": moment(row.issued_at),
    }


def _line(number: int, line: Line) -> Json:
    return {
        "line": number,
        "name": line.name,
        "quantity": decimal(line.quantity),
        "unit": line.unit,
        "unit_price": decimal(line.unit_price),
        "base_quantity": decimal(line.base_quantity),
        "net": decimal(line.net),
        "vat_percent": decimal(line.vat.percent),
        "from": line.period.start.isoformat(),
        "to": line.period.end.isoformat(),
        "sku": line.sku,
    }
