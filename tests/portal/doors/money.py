"""Costs: console and API."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import Door

DOORS = [
    Door("console:costs", "GET", P.COST_VIEW, own=True),
    Door("console:costs-csv", "GET", P.COST_VIEW, own=True),
    Door("api:costs", "GET", P.COST_VIEW, query="organisation=matrix-org"),
]
