"""What the provider's page of usage shows: one of everything, with names as nasty as can be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from billing.models import RatedMonth, UsageConflict, UsageSilence
from billing.usage import ingestion, meter_keys
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor


def furnish_usage(place: Any) -> None:
    now, instance = clock.now(), place.world["instance"]
    source = f"edge-{'x' * 55}"
    key, _text = meter_keys.create_meter_key(actor=SYSTEM, source=source)
    start = now - timedelta(hours=3)
    for quantity in ("1.5", "99999999999999.123456789"):
        said = {
            "meter": "egress",
            "start": start.isoformat(),
            "end": (start + timedelta(hours=1)).isoformat(),
            "quantity": quantity,
        }
        event = {
            "specversion": "1.0",
            "type": "polder.usage.v1",
            "source": source,
            "id": f"<b>&{'e' * 90}",
            "subject": instance.public_id,
            "data": said,
        }
        meter = Actor(kind="meter", id=key.public_id, name=source)
        ingestion.take_usage(actor=meter, events=[event])
    UsageSilence.objects.create(instance=instance, since=start, told_at=now)
    RatedMonth.objects.create(
        organisation=place.world["organisation"],
        month=(now.date().replace(day=1) - timedelta(days=100)).replace(day=1),
        due_since=now,
        closed_at=start,
    )
    place.reals["console:staff-meter-key-revoke"] = {"public_id": key.public_id}
    conflict = UsageConflict.objects.get()
    place.reals["console:staff-usage-settle"] = {"public_id": conflict.public_id}
