"""What the servers of this machine keep beyond their plans: whole GiB on disk, where the offering
counts what is kept.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from services.backends.process.layout import Folder, size_mib
from services.spec import Counted, UsageAsked, UsageTold

_STORED = "storage_gib"


def read(home: Path, wanted: UsageAsked) -> UsageTold:
    found: dict[str, tuple[Counted, ...]] = {}
    for entry, spec, _since in wanted:
        folder, plan = Folder(home, spec.name), spec.plan.storage_gib * spec.plan.nodes
        if plan and folder.exists() and any(m.code == _STORED for m in entry.offering.meters):
            beyond = max(size_mib(folder.data) // 1024 - plan, 0)
            found[spec.name] = (Counted(_STORED, Decimal(beyond), kept=True),)
    return found
