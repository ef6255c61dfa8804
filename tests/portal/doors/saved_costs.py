"""Saved views of the costs."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import Door, World


def _view(_: World) -> dict[str, str]:
    return {"view_id": "sv-00000000"}


DOORS = [
    Door("console:cost-views", "POST", P.COST_VIEW, {"name": "A", "query": "by=project"}, own=True),
    Door("console:cost-view-delete", "POST", P.PROJECT_VIEW, at=_view, missing=True),
]
