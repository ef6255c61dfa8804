"""What was done to memberships and invitations, written into the trail of their organisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.audit.actions import record
from portal.kernel.actor import Actor
from portal.tenancy.models import Invitation, Membership


def record_of(
    actor: Actor,
    row: Membership | Invitation,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """As `portal.audit.actions.record`, in the caller's transaction; `verb` is `noun.verb`."""
    record(
        actor,
        verb,
        verb.partition(".")[0],
        row.public_id if isinstance(row, Invitation) else str(row.user_id),
        chain=row.organisation.slug,
        project=row.project.slug if row.project else "",
        before=before,
        after=after,
    )
