"""The REST API and its reference."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import ANY, PROBER, PUBLIC, STAFF, Door, World


def _service(world: World) -> dict[str, str]:
    return {"id": world["instance"].public_id}


def _operation(world: World) -> dict[str, str]:
    return {"id": world["operation"].public_id}


def _member(world: World) -> dict[str, str]:
    return {"id": world["member"].public_id}


def _region(_: World) -> dict[str, str]:
    return {"code": "local"}


def _offering(_: World) -> dict[str, str]:
    return {"slug": "postgresql"}


def _organisation(_: World) -> dict[str, str]:
    return {"slug": "matrix-org"}


def _project(_: World) -> dict[str, str]:
    return {"slug": "matrix"}


def _noun(_: World) -> dict[str, str]:
    return {"noun": "instances"}


def _shape(_: World) -> dict[str, str]:
    return {"name": "Instance"}


def _token(_: World) -> dict[str, str]:
    return {"id": "tk-00000000"}


def _account(_: World) -> dict[str, str]:
    return {"id": "sa-00000000"}


_ONE = "organisation=matrix-org"
_PROJECT = {"name": "Another", "organisation": "matrix-org"}
_ORDER = {"offering": "postgresql", "name": "made", "region": "local"}
_MEMBER = {"email": "guest@test.example", "role": "viewer", "organisation": "matrix-org"}
_ROBOT = {"name": "robot", "role": "viewer", "organisation": "matrix-org"}
DOORS = [
    Door("api-docs", "GET", PUBLIC),
    Door("api-docs-schemas", "GET", PUBLIC),
    Door("api-docs-shape", "GET", PUBLIC, at=_shape),
    Door("api-docs-errors", "GET", PUBLIC),
    Door("api-docs-noun", "GET", PUBLIC, at=_noun),
    Door("api:schema", "GET", PUBLIC),
    Door("api:offerings", "GET", ANY),
    Door("api:offering", "GET", ANY, at=_offering),
    Door("api:regions", "GET", ANY),
    Door("api:probe-targets", "GET", PROBER, at=_region),
    Door("api:probe-minutes", "POST", PROBER, {"windows": []}, at=_region),
    Door("api:prices", "GET", PUBLIC),
    Door("api:spot-factors", "GET", PUBLIC),
    Door("api:spot-factors", "POST", STAFF, {"factor": "0.4"}),
    Door("api:spare-capacity", "GET", ANY, at=_region),
    Door("api:spare-capacity", "PATCH", STAFF, {"offered_vcpu": "8"}, at=_region),
    Door("api:organisations", "GET", ANY),
    Door("api:organisations", "POST", ANY, {"name": "New one"}),
    Door("api:organisation", "GET", P.ORGANISATION_VIEW, at=_organisation),
    Door("api:organisation", "PATCH", P.ORGANISATION_UPDATE, {"name": "Renamed"}, at=_organisation),
    Door("api:projects", "GET", ANY),
    Door("api:projects", "POST", P.PROJECT_CREATE, _PROJECT),
    Door("api:project", "GET", P.PROJECT_VIEW, at=_project),
    Door("api:project", "PATCH", P.PROJECT_UPDATE, {"name": "Renamed"}, at=_project),
    Door("api:project-instances", "GET", P.INSTANCE_VIEW, at=_project),
    Door("api:project-instances", "POST", P.INSTANCE_CREATE, _ORDER, at=_project),
    Door("api:instances", "GET", ANY),
    Door("api:instance", "GET", P.INSTANCE_VIEW, at=_service),
    Door("api:instance", "PATCH", P.INSTANCE_UPDATE, {"tags": {"team": "a"}}, at=_service),
    Door("api:instance", "DELETE", P.INSTANCE_DELETE, at=_service),
    Door("api:pause", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("api:resume", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("api:rotate", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("api:undelete", "POST", P.INSTANCE_UPDATE, at=_service),
    Door("api:credentials", "GET", P.CREDENTIAL_REVEAL, at=_service),
    Door("api:events", "GET", P.INSTANCE_VIEW, at=_service),
    Door("api:interruptions", "GET", P.INSTANCE_VIEW, at=_service),
    Door("api:metrics", "GET", P.INSTANCE_VIEW, at=_service),
    Door("api:logs", "GET", P.INSTANCE_UPDATE, at=_service),
    Door("api:operations", "GET", ANY),
    Door("api:operation", "GET", P.OPERATION_VIEW, at=_operation),
    Door("api:retry", "POST", P.OPERATION_MANAGE, at=_operation),
    Door("api:cancel", "POST", P.OPERATION_MANAGE, at=_operation),
    Door("api:audit", "GET", P.AUDIT_VIEW, query=_ONE),
    Door("api:members", "GET", P.MEMBER_VIEW, query=_ONE),
    Door("api:members", "POST", P.MEMBER_MANAGE, _MEMBER),
    Door("api:member", "PATCH", P.MEMBER_MANAGE, {"role": "viewer"}, at=_member, hidden=True),
    Door("api:member", "DELETE", P.MEMBER_MANAGE, at=_member, hidden=True),
    Door("api:tokens", "GET", ANY),
    Door("api:tokens", "POST", ANY, {"name": "mine"}),
    Door("api:token", "DELETE", ANY, at=_token, missing=True),
    Door("api:service-accounts", "GET", P.TOKEN_MANAGE, own=True),
    Door("api:service-accounts", "POST", P.TOKEN_MANAGE, _ROBOT),
    Door("api:service-account", "DELETE", P.TOKEN_MANAGE, at=_account, missing=True),
]
