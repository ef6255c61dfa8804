"""The reader's own account and session."""

from tests.portal.doors import ANY, PUBLIC, Door

DOORS = [
    Door("console:account", "GET", ANY),
    Door("console:account", "POST", ANY, {"name": "Somebody", "language": "de"}),
    Door("console:account-sessions", "GET", ANY),
    Door("console:account-sessions-end", "POST", ANY),
    Door(
        "console:account-session-end", "POST", ANY, at=lambda _: {"session_id": "1"}, missing=True
    ),
    Door("console:account-data", "GET", ANY),
    Door("console:account-export", "POST", ANY),
    Door("console:account-delete", "POST", ANY, {"email": "somebody@else.example"}),
    Door("console:session", "GET", PUBLIC),
    Door("console:resume", "GET", ANY, at=lambda _: {"token": "gone"}),
]
