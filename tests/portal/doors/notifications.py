"""The bell, its choices, webhooks."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import ANY, Door, World


def _nothing(_: World) -> dict[str, str]:
    return {"event": "ev-000000000000"}


def _hook(world: World) -> dict[str, str]:
    return {"id": world["webhook"].public_id}


def _delivery(world: World) -> dict[str, str]:
    return {**_hook(world), "delivery": world["webhook"].deliveries.get().public_id}


_EVENTS = ["service.down"]
_MADE = {"project": "matrix", "url": "https://93.184.216.34/", "events": _EVENTS}
DOORS = [
    Door("console:notifications", "GET", ANY),
    Door("console:bell", "GET", ANY),
    Door("console:notifications-read", "POST", ANY),
    Door("console:notification", "GET", ANY, at=_nothing, missing=True),
    Door("console:settings-notifications", "GET", ANY),
    Door("console:settings-notifications", "POST", ANY, {"bell": "operation.failed"}),
    Door("api:webhooks", "GET", ANY),
    Door("api:webhooks", "POST", P.PROJECT_UPDATE, _MADE),
    Door("api:webhook", "GET", P.PROJECT_UPDATE, at=_hook),
    Door("api:webhook", "PATCH", P.PROJECT_UPDATE, {"active": False}, at=_hook),
    Door("api:webhook", "DELETE", P.PROJECT_UPDATE, at=_hook),
    Door("api:webhook-secret", "POST", P.PROJECT_UPDATE, at=_hook),
    Door("api:webhook-ping", "POST", P.PROJECT_UPDATE, at=_hook),
    Door("api:deliveries", "GET", P.PROJECT_UPDATE, at=_hook),
    Door("api:delivery", "GET", P.PROJECT_UPDATE, at=_delivery),
    Door("api:replay", "POST", P.PROJECT_UPDATE, at=_delivery),
]
