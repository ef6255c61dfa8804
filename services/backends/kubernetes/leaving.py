"""What an object waits for that is deleted and still there. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.kernel import clock
from services.spec import Manifest, Ref

_LONG = timedelta(seconds=10)


def is_made_anew(found: Manifest) -> bool:
    """Whether only its parts hold it back, and for long: an operator that does not look at the mark
    makes them again and again. Then it goes first and they after it.
    """
    metadata = found["metadata"]
    since = datetime.fromisoformat(metadata.get("deletionTimestamp", clock.now().isoformat()))
    return metadata.get("finalizers") == ["foregroundDeletion"] and clock.now() - since > _LONG


def held_back(ref: Ref, found: Manifest) -> str:
    """Name and reason, as the cluster tells them."""
    metadata = found["metadata"]
    holders = ", ".join(metadata.get("finalizers", ()))
    rows = (found.get("status") or {}).get("conditions") or ()
    why = next((row.get("message", "") for row in rows if row.get("type") == "Deleting"), "")
    return f"{ref.kind.name} {ref.name}: {holders} {why}".strip()
