"""The memory of what was applied: rows of `Applied`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from services.backends.kubernetes import drifts, stamps
from services.backends.models import Applied
from services.spec import Kind, Manifest, Ref

if TYPE_CHECKING:
    from services.regions.models import Region

Ask = Callable[[], Manifest | None]


def rows_of(region: Region, instance: str) -> QuerySet[Applied]:
    """Of one instance (or a namespace's guard rails), in the order they were made in."""
    return Applied.objects.filter(region=region, instance=instance).order_by("position")


def changed_at(region: Region, instance: str) -> datetime | None:
    """When anything of it was applied last."""
    rows = rows_of(region, instance).order_by("-applied_at")
    return rows.values_list("applied_at", flat=True).first()


def was_changed(region: Region, instance: str) -> bool:
    """Whether any of it was applied again after it was first."""
    rows = rows_of(region, instance)
    return rows.exclude(created_at=F("applied_at")).exists()


def is_current(rows: Iterable[Applied], wanted: Sequence[Manifest]) -> bool:
    """Whether exactly these manifests were applied last."""
    return [row.wanted for row in rows] == [stamps.digest(made) for made in wanted]


def changes(rows: Iterable[Applied], wanted: Sequence[Manifest]) -> list[Manifest]:
    """What of `wanted` is new or other than it was applied; nothing where nothing was."""
    known = {ref_of(row): row.wanted for row in rows}
    return [
        made for made in wanted if known and known.get(stamps.ref_of(made)) != stamps.digest(made)
    ]


def no_longer(rows: Iterable[Applied], wanted: Sequence[Manifest]) -> list[Applied]:
    """What was applied and is wanted no more, the last made first."""
    kept = {stamps.ref_of(made) for made in wanted}
    return [row for row in reversed(list(rows)) if ref_of(row) not in kept]


def ref_of(row: Applied) -> Ref:
    return Ref(Kind(row.api, row.kind), row.name)


def remember(
    region: Region, instance: str, wanted: Sequence[Manifest], stands: Sequence[Manifest]
) -> None:
    """That `wanted` was applied and `stands` is what the cluster made of it."""
    now = timezone.now()
    rows = [
        Applied(
            region=region,
            instance=instance,
            position=position,
            api=made["apiVersion"],
            kind=made["kind"],
            namespace=made["metadata"].get("namespace", ""),
            name=made["metadata"]["name"],
            manifest=stamps.without_secrets(made),
            wanted=stamps.digest(made),
            stood=stamps.stood(made, found),
            settled=drifts.settled(made, found),
            applied_at=now,
            created_at=now,
        )
        for position, (made, found) in enumerate(zip(wanted, stands, strict=True))
    ]
    kept = {(row.api, row.kind, row.name) for row in rows}
    with transaction.atomic():
        gone = [row.pk for row in rows_of(region, instance) if _key(row) not in kept]
        Applied.objects.filter(pk__in=gone).delete()
        # Two first orders of a project write the same guard rails: who comes second agrees.
        Applied.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=_ONE_OBJECT, update_fields=_WRITTEN
        )


_ONE_OBJECT = ("region", "api", "kind", "namespace", "name")
_WRITTEN = (
    "instance",
    "position",
    "manifest",
    "wanted",
    "stood",
    "settled",
    "drift",
    "drifted_at",
    "applied_at",
)


def _key(row: Applied) -> tuple[str, str, str]:
    return row.api, row.kind, row.name


def forget(region: Region, instance: str) -> None:
    Applied.objects.filter(region=region, instance=instance).delete()


def put(
    region: Region, instance: str, row: Applied | None, made: Manifest, found: Manifest
) -> None:
    """One object was applied anew; `row` is what was remembered of it."""
    if row is None:
        position = Applied.objects.filter(region=region, instance=instance).count()
        row = Applied(region=region, instance=instance, position=position)
        row.api, row.kind = made["apiVersion"], made["kind"]
        row.namespace, row.name = made["metadata"]["namespace"], made["metadata"]["name"]
    row.manifest = stamps.without_secrets(made)
    row.wanted, row.stood = stamps.digest(made), stamps.stood(made, found)
    row.settled, row.drift = drifts.settled(made, found), []
    row.applied_at, row.drifted_at = timezone.now(), None
    row.save()


def note_drift(row: Applied, found: Manifest | None, ask: Ask) -> bool:
    """Whether `found` no longer is what was applied; the time it was first seen is kept. `ask` gets
    the object with the names of those who changed it. A write only where something has changed.
    """
    drifted = found is None or (
        row.kind != "Secret" and stamps.stood(row.manifest, found) != row.stood
    )
    fields = drifts.of(row.manifest, row.settled, found) if drifted else []
    same = drifts.is_told(fields, row.drift)
    if same and drifted == (row.drifted_at is not None):
        return drifted
    row.drifted_at = (row.drifted_at or timezone.now()) if drifted else None
    row.drift = drifts.attributed(fields, ask()) if fields else []
    row.save(update_fields=["drifted_at", "drift"])
    return drifted
