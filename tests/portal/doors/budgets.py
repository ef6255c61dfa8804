"""Budgets, forecast, and orders that wait for approval: console and API."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import ANY, Door, World


def _budget(_: World) -> dict[str, str]:
    return {"public_id": "bg-00000000"}


def _one(_: World) -> dict[str, str]:
    return {"id": "bg-00000000"}


def _held_up(_: World) -> dict[str, str]:
    return {"id": "or-00000000"}


def _order(_: World) -> dict[str, str]:
    return {"public_id": "or-00000000"}


BUDGET = {"name": "All", "amount": "750.00", "organisation": "matrix-org"}

DOORS = [
    Door("console:budgets", "GET", P.PROJECT_VIEW, own=True),
    Door("console:budget-new", "GET", P.BILLING_MANAGE, own=True),
    Door("console:budget-new", "POST", P.BILLING_MANAGE, own=True),
    Door("console:budget", "GET", P.COST_VIEW, at=_budget, missing=True),
    Door("console:budget", "POST", P.BILLING_MANAGE, at=_budget, missing=True),
    Door("console:budget-rehearsal", "GET", P.COST_VIEW, at=_budget, missing=True),
    Door("console:budget-delete", "GET", P.BILLING_MANAGE, at=_budget, missing=True),
    Door("console:budget-delete", "POST", P.BILLING_MANAGE, at=_budget, missing=True),
    Door("console:order-decide", "POST", P.BILLING_MANAGE, at=_order, missing=True),
    Door("api:forecast", "GET", P.COST_VIEW, query="organisation=matrix-org"),
    Door("api:budgets", "GET", ANY),
    Door("api:budgets", "POST", P.BILLING_MANAGE, BUDGET),
    Door("api:budget", "GET", P.COST_VIEW, at=_one, missing=True),
    Door("api:budget", "PATCH", P.BILLING_MANAGE, {"amount": "10"}, at=_one, missing=True),
    Door("api:budget", "DELETE", P.BILLING_MANAGE, at=_one, missing=True),
    Door("api:budget-dry-run", "POST", P.COST_VIEW, at=_one, missing=True),
    Door("api:orders", "GET", ANY),
    Door("api:order", "GET", P.COST_VIEW, at=_held_up, missing=True),
    Door("api:order-approve", "POST", P.BILLING_MANAGE, at=_held_up, missing=True),
    Door("api:order-refuse", "POST", P.BILLING_MANAGE, {}, at=_held_up, missing=True),
]
