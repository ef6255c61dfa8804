"""Costs: console and API."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import METER, Door, World


def _service(world: World) -> dict[str, str]:
    return {"public_id": world["instance"].public_id}


def _invoice(_: World) -> dict[str, str]:
    return {"number": "2026-000000"}


def _document(_: World) -> dict[str, str]:
    return {"number": "2026-000000", "name": "pdf"}


def _line(_: World) -> dict[str, object]:
    return {"number": "2026-000000", "line": 1}


def _day(_: World) -> dict[str, object]:
    return {"number": "2026-000000", "line": 1, "day": "2026-10-01"}


def _evidence(world: World) -> dict[str, object]:
    return {**_day(world), "public_id": "pg-00000000"}


_ONE = "organisation=matrix-org"
DOORS = [
    Door("console:costs", "GET", P.COST_VIEW, own=True),
    Door("console:costs-csv", "GET", P.COST_VIEW, own=True),
    Door("console:service-costs", "GET", P.INSTANCE_VIEW, at=_service),
    Door("api:usage", "GET", P.COST_VIEW, query=_ONE),
    Door("console:exports", "GET", P.COST_VIEW, own=True),
    Door("console:exports-save", "POST", P.BILLING_MANAGE, {}, own=True),
    Door("console:exports-try", "POST", P.BILLING_MANAGE, {}, own=True),
    Door("console:exports-remove", "POST", P.BILLING_MANAGE, {}, own=True),
    Door("console:exports-file", "GET", P.COST_VIEW, own=True),
    Door("api:focus", "GET", P.COST_VIEW, query=_ONE),
    Door("api:usage", "POST", METER, []),
    Door("api:costs", "GET", P.COST_VIEW, query=_ONE),
    Door("console:sla", "GET", P.COST_VIEW, own=True),
    Door("api:sla", "GET", P.COST_VIEW, query=_ONE),
    Door("console:invoices", "GET", P.INVOICE_VIEW, own=True),
    Door("console:invoice", "GET", P.INVOICE_VIEW, at=_invoice, missing=True),
    Door("console:invoice-line", "GET", P.INVOICE_VIEW, at=_line, missing=True),
    Door("console:invoice-days", "GET", P.INVOICE_VIEW, at=_line, missing=True),
    Door("console:invoice-day", "GET", P.INVOICE_VIEW, at=_day, missing=True),
    Door("console:invoice-evidence", "GET", P.INVOICE_VIEW, at=_evidence, missing=True),
    Door("console:invoice-document", "GET", P.INVOICE_VIEW, at=_document, missing=True),
    Door("api:invoices", "GET", P.INVOICE_VIEW, query=_ONE),
    Door("api:invoice", "GET", P.INVOICE_VIEW, at=_invoice, missing=True),
    Door(
        "api:invoice-document", "GET", P.INVOICE_VIEW, at=_invoice, query="format=csv", missing=True
    ),
]
