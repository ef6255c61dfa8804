"""Costs: console and API."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import METER, Door, World


def _service(world: World) -> dict[str, str]:
    return {"public_id": world["instance"].public_id}


def _invoice(_: World) -> dict[str, str]:
    return {"number": "2026-000000"}


def _document(_: World) -> dict[str, str]:
    return {"number": "2026-000000", "name": "pdf"}


DOORS = [
    Door("console:costs", "GET", P.COST_VIEW, own=True),
    Door("console:costs-csv", "GET", P.COST_VIEW, own=True),
    Door("console:service-costs", "GET", P.INSTANCE_VIEW, at=_service),
    Door("api:costs", "GET", P.COST_VIEW, query="organisation=matrix-org"),
    Door("api:usage", "GET", P.COST_VIEW, query="organisation=matrix-org"),
    Door("api:usage", "POST", METER, []),
    Door("console:invoices", "GET", P.INVOICE_VIEW, own=True),
    Door("console:invoice", "GET", P.INVOICE_VIEW, at=_invoice, missing=True),
    Door("console:invoice-document", "GET", P.INVOICE_VIEW, at=_document, missing=True),
]
