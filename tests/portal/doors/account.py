"""The reader's own account and session."""

from tests.portal.doors import ANY, PUBLIC, Door

DOORS = [
    Door("console:session", "GET", PUBLIC),
    Door("console:resume", "GET", ANY, at=lambda _: {"token": "gone"}),
]
