"""What a region of the process backend has of its machine: disk and prepared data directories."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from portal.kernel.actor import Actor
from portal.tenancy.oversight import require_staff
from services.backends.process import pool


@dataclass(frozen=True, slots=True)
class Machine:
    """`pools` are (offering, engine, how many are ready, how many are kept)."""

    disk_mib: int
    free_mib: int
    pools: list[tuple[str, str, int, int]]

    @property
    def used_mib(self) -> int:
        return self.disk_mib - self.free_mib


def machine(actor: Actor) -> Machine | None:
    """Of the machine that this runs on; None where it is not the region's."""
    require_staff(actor)
    home = Path(settings.POLDER_HOME)
    if not (home / "supervisor").is_dir():
        return None
    disk = shutil.disk_usage(home)
    return Machine(disk.total // 2**20, disk.free // 2**20, _pools(home))


def _pools(home: Path) -> list[tuple[str, str, int, int]]:
    return [
        (entry.offering.name, engine, ready, pool.KEEP) for entry, engine, ready in pool.sizes(home)
    ]
