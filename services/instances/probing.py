"""The prober of a region that has the database within reach: its targets are rows, and what it
found becomes rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import DatabaseError, close_old_connections, connections

from portal.kernel import alive, clock
from services import registry
from services.instances import probe_days
from services.instances.models import Instance
from services.instances.states import Phase
from services.probes.asking import question
from services.probes.minutes import SECONDS, Window
from services.probes.prober import PATIENCE, Away, Prober, Target, target
from services.probes.protocols import Question
from services.regions.models import Region
from services.spec import Endpoint, Entry

# Those in which a tenant expects it to serve.
_PROBED = (Phase.RUNNING, Phase.UPDATING, Phase.FAILED)


class Rows:
    """The database as the store of a prober; what broke meanwhile is opened anew."""

    def __init__(self, region: Region, *, outside: bool) -> None:
        self.region, self.outside = region, outside

    def targets(self) -> list[Target]:
        try:
            close_old_connections()
            return targets_of(self.region, outside=self.outside)
        except DatabaseError as error:
            raise Away(str(error)) from error

    def add(self, windows: Sequence[Window]) -> None:
        try:
            close_old_connections()
            probe_days.add(windows, region=self.region.pk)
        except DatabaseError as error:
            raise Away(str(error)) from error

    def close(self) -> None:
        connections.close_all()


def prober_of(
    region: Region,
    *,
    outside: bool = False,
    now: Callable[[], datetime] = clock.now,
    every: float = SECONDS,
    patience: float = PATIENCE,
) -> Prober:
    """`now`, `every` and `patience` are for tests that cannot wait."""
    rows = Rows(region, outside=outside)
    return Prober(region.code, rows, now=now, alive=alive.touch, every=every, patience=patience)


def targets_of(region: Region, *, outside: bool) -> list[Target]:
    """Those that a tenant expects to serve and that can be asked, in the order in which they are.
    One query.
    """
    rows = Instance.objects.filter(
        region=region, phase__in=_PROBED, deleted_at__isnull=True, paused=False
    ).values_list("public_id", "offering", "endpoints")
    entries = registry.entries()
    made = [
        target(public_id, asked)
        for public_id, slug, endpoints in rows.iterator(chunk_size=2000)
        if slug in entries and (asked := _asked(entries[slug], endpoints, outside))
    ]
    return sorted(made, key=lambda target: target.offset)


def _asked(entry: Entry, endpoints: list[dict[str, Any]], outside: bool) -> Question | None:
    found = [Endpoint(**one) for one in endpoints]
    return question(entry.offering.probe, found, outside=outside)
