"""The bell, its choices, webhooks."""

from tests.portal.doors import ANY, Door, World


def _nothing(_: World) -> dict[str, str]:
    return {"event": "ev-000000000000"}


DOORS = [
    Door("console:notifications", "GET", ANY),
    Door("console:bell", "GET", ANY),
    Door("console:notifications-read", "POST", ANY),
    Door("console:notification", "GET", ANY, at=_nothing, missing=True),
    Door("console:settings-notifications", "GET", ANY),
    Door("console:settings-notifications", "POST", ANY, {"bell": "operation.failed"}),
]
