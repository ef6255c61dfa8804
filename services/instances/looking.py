"""What was seen of an instance that nothing is being done to, written down where it has changed."""

from __future__ import annotations

from django.db import transaction

from services.instances import closing, notices
from services.instances.models import Instance, Operation
from services.instances.states import OPEN
from services.spec import Observation


def note(instance: Instance, seen: Observation) -> None:
    """Nothing is written while an operation is open: what was seen is old then. Two queries, and
    two more where it has changed.
    """
    with transaction.atomic():
        row = Instance.objects.select_for_update().get(pk=instance.pk)
        if Operation.objects.filter(instance=row, state__in=OPEN).exists():
            return
        before = row.health
        closing.put_observation(row, seen)
        closing.refresh(row)
        notices.tell_health(row, before)
        row.save(
            update_fields=[
                "observed",
                "observed_at",
                "observed_code",
                "observed_detail",
                "endpoints",
                "storage_used_mib",
                "phase",
                "health",
            ]
        )
