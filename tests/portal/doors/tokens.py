"""API tokens and service accounts in the console."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import ANY, Door, World


def _token(_: World) -> dict[str, str]:
    return {"public_id": "tk-00000000"}


def _account(_: World) -> dict[str, str]:
    return {"public_id": "sa-00000000"}


_ROBOT = {"name": "robot", "role": "viewer", "bound": "organisation"}
DOORS = [
    Door("console:tokens", "GET", ANY),
    Door("console:token-new", "GET", ANY),
    Door("console:token-new", "POST", ANY, {"name": "mine", "bound": "organisation"}),
    Door("console:token-revoke", "POST", ANY, at=_token, missing=True),
    Door("console:service-account-new", "GET", P.TOKEN_MANAGE, own=True),
    Door("console:service-account-new", "POST", P.TOKEN_MANAGE, _ROBOT, own=True),
    Door("console:service-account-disable", "POST", ANY, at=_account, missing=True),
]
