"""The console: services, operations, catalogue, orders."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import ANY, PUBLIC, STAFF, Door, World


def _service(world: World) -> dict[str, str]:
    return {"public_id": world["instance"].public_id}


def _operation(world: World) -> dict[str, str]:
    return {"public_id": world["operation"].public_id}


def _offering(_: World) -> dict[str, str]:
    return {"slug": "postgresql"}


def _view(_: World) -> dict[str, str]:
    return {"view_id": "sv-00000000"}


_VIEW = {"name": "mine", "query": "q=a"}
_ORDER = {"name": "made", "region": "local"}
_DELETE = {"name": "matrix", "unprotect": "1"}
DOORS = [
    Door("console:service", "GET", P.INSTANCE_VIEW, at=_service),
    Door("console:service-connection", "GET", P.INSTANCE_VIEW, at=_service),
    Door("console:service-metrics", "GET", P.INSTANCE_VIEW, at=_service),
    Door("console:service-settings", "GET", P.INSTANCE_VIEW, at=_service),
    Door("console:service-events", "GET", P.INSTANCE_VIEW, at=_service),
    Door("console:service-operations", "GET", P.INSTANCE_VIEW, at=_service),
    Door("console:service-ca", "GET", P.INSTANCE_VIEW, at=_service),
    Door("console:service-reveal", "POST", P.CREDENTIAL_REVEAL, at=_service),
    Door("console:service-change", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-edit", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-pause", "GET", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-rotate", "GET", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-pause", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-resume", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-rotate", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-upgrade", "GET", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-upgrade", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-undelete", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("console:service-delete", "GET", P.INSTANCE_DELETE, at=_service),
    Door("console:service-delete", "POST", P.INSTANCE_DELETE, _DELETE, at=_service),
    Door("console:overview", "GET", ANY),
    Door("console:begin", "POST", ANY),
    # These pages are about the project at hand: somebody from elsewhere sees their own.
    Door("console:services", "GET", P.INSTANCE_VIEW, own=True),
    Door("console:bin", "GET", P.INSTANCE_VIEW, own=True),
    Door("console:bulk", "POST", P.INSTANCE_UPDATE, own=True),
    Door("console:views", "POST", P.INSTANCE_VIEW, _VIEW, own=True),
    Door("console:view", "POST", ANY, at=_view, missing=True),
    Door("console:view-delete", "POST", ANY, at=_view, missing=True),
    Door("console:order", "GET", P.INSTANCE_CREATE, at=_offering, own=True),
    Door("console:order", "POST", P.INSTANCE_CREATE, _ORDER, at=_offering, own=True),
    Door("console:price", "GET", P.INSTANCE_CREATE, at=_offering, own=True),
    Door("console:catalogue", "GET", PUBLIC),
    Door("console:offering", "GET", PUBLIC, at=_offering),
    Door("console:go", "GET", ANY),
    Door("console:keyboard", "GET", PUBLIC),
    Door("console:keyboard", "POST", PUBLIC, {"keys": "off"}),
    Door("console:scope", "POST", P.PROJECT_VIEW, {"project": "matrix"}),
    Door("console:theme", "POST", PUBLIC, {"theme": "dark"}),
    Door("console:language", "POST", PUBLIC, {"language": "de"}),
    Door("console:styleguide", "GET", STAFF),
]
