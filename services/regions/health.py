"""How regions are, and were: `Region` holds what the last check said, `RegionHealth` every change.

Checks come every half minute. Where none came for a while, nobody knows how the region was: that
time is written down as unknown, never as fine.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from services.regions.models import Region, RegionHealth

GAP = timedelta(minutes=5)


def note_check(region: Region, *, ok: bool, detail: str, at: datetime) -> None:
    """Writes down that `region` changed, and the time without checks before that. `region` is as it
    was before this check. One query when nothing changed.
    """
    state = RegionHealth.State.OK if ok else RegionHealth.State.DOWN
    last = RegionHealth.objects.filter(region=region).order_by("-at", "-pk").first()
    checked = region.checked_at
    unseen = last is not None and checked is not None and at - checked > GAP
    if last is not None and not unseen and last.state == state:
        return
    rows = [RegionHealth(region=region, state=state, detail=detail, at=at)]
    if unseen and checked is not None:
        rows.insert(0, RegionHealth(region=region, state=RegionHealth.State.UNKNOWN, at=checked))
    RegionHealth.objects.bulk_create(rows)


def flips_since(start: datetime) -> list[RegionHealth]:
    """Of all regions: what held at `start` and every change since, oldest first. Two queries."""
    rows = RegionHealth.objects.order_by("region_id", "at", "pk")
    before = rows.filter(at__lt=start).order_by("region_id", "-at", "-pk").distinct("region_id")
    return [*before, *rows.filter(at__gte=start)]


def silent_regions(now: datetime) -> list[Region]:
    """Regions whose backend does not answer, by checks that are not old. One query."""
    rows = Region.objects.exclude(status=Region.Status.OFF)
    return list(rows.filter(healthy=False, checked_at__gte=now - GAP).order_by("name"))
