"""What anybody may read: status, notices."""

from portal.kernel.actor import SYSTEM
from portal.status import actions
from tests.portal.doors import PUBLIC, Door, World


def _incident(_: World) -> dict[str, str]:
    incident = actions.open_incident(actor=SYSTEM, title="Slow disks", text="We look into it.")
    return {"public_id": incident.public_id}


def _notice(_: World) -> dict[str, str]:
    return {"notice": "ann-00000000"}


def _plans(_: World) -> dict[str, str]:
    return {"kind": "plans"}


DOORS = [
    Door("console:licences", "GET", PUBLIC),
    Door("console:own-licence", "GET", PUBLIC),
    Door("console:trademarks", "GET", PUBLIC),
    Door("console:robots", "GET", PUBLIC),
    Door("console:favicon", "GET", PUBLIC),
    Door("console:prices", "GET", PUBLIC),
    Door("console:spot-prices", "GET", PUBLIC),
    Door("console:rates", "GET", PUBLIC),
    Door("console:price-history", "GET", PUBLIC),
    Door("console:prices-csv", "GET", PUBLIC, at=_plans),
    Door("console:calculator", "GET", PUBLIC),
    Door("console:status", "GET", PUBLIC),
    Door("console:status-history", "GET", PUBLIC),
    Door("console:status-rss", "GET", PUBLIC),
    Door("console:status-atom", "GET", PUBLIC),
    Door("console:status-json", "GET", PUBLIC),
    Door("console:notices", "GET", PUBLIC),
    Door("console:notice-away", "POST", PUBLIC, at=_notice),
    Door("console:status-incident", "GET", PUBLIC, at=_incident),
]
