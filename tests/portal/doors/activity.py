"""Operations, the bell, webhooks, the audit log."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import ANY, Door, World


def _operation(world: World) -> dict[str, str]:
    return {"public_id": world["operation"].public_id}


def _nothing(_: World) -> dict[str, str]:
    return {"event": "ev-000000000000"}


def _hook(world: World) -> dict[str, str]:
    return {"public_id": world["webhook"].public_id}


def _delivery(world: World) -> dict[str, str]:
    return {**_hook(world), "delivery": world["webhook"].deliveries.latest("pk").public_id}


def _api_hook(world: World) -> dict[str, str]:
    return {"id": world["webhook"].public_id}


def _api_delivery(world: World) -> dict[str, str]:
    return {**_api_hook(world), "delivery": world["webhook"].deliveries.latest("pk").public_id}


_EVENTS = ["service.down"]
_MADE = {"project": "matrix", "url": "https://93.184.216.34/", "events": _EVENTS}
_FORM = {"url": "https://93.184.216.34/", "events": "service.down"}
DOORS = [
    Door("console:operation", "GET", P.OPERATION_VIEW, at=_operation),
    Door("console:operation-log", "GET", P.INSTANCE_UPDATE, at=_operation),
    Door("console:operation-log-file", "GET", P.INSTANCE_UPDATE, at=_operation),
    Door("console:operation-cancel", "POST", P.OPERATION_MANAGE, at=_operation),
    Door("console:operation-retry", "POST", P.OPERATION_MANAGE, at=_operation),
    # These pages are about the project at hand: somebody from elsewhere sees their own.
    Door("console:operations", "GET", P.OPERATION_VIEW, own=True),
    Door("console:audit", "GET", P.AUDIT_VIEW, own=True),
    Door("console:audit", "GET", P.AUDIT_VIEW, query="project=matrix"),
    Door("console:audit-export", "POST", P.AUDIT_VIEW, {"format": "csv"}, own=True),
    Door("console:audit-export", "POST", P.AUDIT_VIEW, {"project": "matrix"}),
    Door("console:audit-check", "POST", P.AUDIT_VIEW, own=True),
    Door("console:notifications", "GET", ANY),
    Door("console:bell", "GET", ANY),
    Door("console:notifications-read", "POST", ANY),
    Door("console:notification", "GET", ANY, at=_nothing, missing=True),
    Door("console:notification-settings", "GET", ANY),
    Door("console:notification-settings", "POST", ANY, {"bell": "operation.failed"}),
    Door("console:webhooks", "GET", P.PROJECT_UPDATE, own=True),
    Door("console:webhook-new", "GET", P.PROJECT_UPDATE, own=True),
    Door("console:webhook-new", "POST", P.PROJECT_UPDATE, _FORM, own=True),
    Door("console:webhook", "GET", P.PROJECT_UPDATE, at=_hook),
    Door("console:webhook", "POST", P.PROJECT_UPDATE, _FORM, at=_hook),
    Door("console:webhook-secret", "POST", P.PROJECT_UPDATE, at=_hook),
    Door("console:webhook-ping", "POST", P.PROJECT_UPDATE, at=_hook),
    Door("console:webhook-switch", "POST", P.PROJECT_UPDATE, {"to": "off"}, at=_hook),
    Door("console:webhook-delete", "GET", P.PROJECT_UPDATE, at=_hook),
    Door("console:webhook-delete", "POST", P.PROJECT_UPDATE, at=_hook),
    Door("console:delivery", "GET", P.PROJECT_UPDATE, at=_delivery),
    Door("console:delivery-replay", "POST", P.PROJECT_UPDATE, at=_delivery),
    Door("api:webhooks", "GET", ANY),
    Door("api:webhooks", "POST", P.PROJECT_UPDATE, _MADE),
    Door("api:webhook", "GET", P.PROJECT_UPDATE, at=_api_hook),
    Door("api:webhook", "PATCH", P.PROJECT_UPDATE, {"active": False}, at=_api_hook),
    Door("api:webhook", "DELETE", P.PROJECT_UPDATE, at=_api_hook),
    Door("api:webhook-secret", "POST", P.PROJECT_UPDATE, at=_api_hook),
    Door("api:webhook-ping", "POST", P.PROJECT_UPDATE, at=_api_hook),
    Door("api:deliveries", "GET", P.PROJECT_UPDATE, at=_api_hook),
    Door("api:delivery", "GET", P.PROJECT_UPDATE, at=_api_delivery),
    Door("api:replay", "POST", P.PROJECT_UPDATE, at=_api_delivery),
]
