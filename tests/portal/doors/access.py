"""Organisations, projects, members, invitations, tokens, quotas: console and API."""

from tests.portal.doors import ANY, PUBLIC, Door, World


def _link(_: World) -> dict[str, str]:
    return {"public_id": "iv-00000000", "secret": "x"}


DOORS = [
    # Whoever holds the link of the mail; the rest is told that there is none.
    Door("console:invitation", "GET", PUBLIC, at=_link, missing=True),
    Door("console:invitation-accept", "GET", PUBLIC, missing=True),
    Door("console:invitation-take", "POST", ANY, missing=True),
]
