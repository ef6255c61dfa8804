"""Advice on costs: console and API."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import Door, World


def _one(_: World) -> dict[str, str]:
    return {"public_id": "ad-00000000"}


def _api(_: World) -> dict[str, str]:
    return {"id": "ad-00000000"}


_DISMISS = {"reason": "no", "days": 30}
DOORS = [
    Door("console:advice", "GET", P.COST_VIEW, own=True),
    Door("console:advice-one", "GET", P.COST_VIEW, at=_one, missing=True),
    Door("console:advice-apply", "POST", P.INSTANCE_UPDATE, at=_one, missing=True),
    Door("console:advice-dismiss", "POST", P.INSTANCE_UPDATE, _DISMISS, at=_one, missing=True),
    Door("api:advice", "GET", P.COST_VIEW, query="organisation=matrix-org"),
    Door("api:one-advice", "GET", P.COST_VIEW, at=_api, missing=True),
    Door("api:advice-apply", "POST", P.INSTANCE_UPDATE, at=_api, missing=True),
    Door("api:advice-dismiss", "POST", P.INSTANCE_UPDATE, _DISMISS, at=_api, missing=True),
]
