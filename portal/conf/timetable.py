"""Which tasks beat starts, and how often."""

from __future__ import annotations

from typing import Any

_HOUR, _DAY = 3600, 24 * 3600
_SECONDS = {
    "services.instances.tasks.prepare_ahead": 15,
    "services.instances.tasks.check_regions": 30,
    "services.instances.tasks.look_for_probers": 60,
    "services.instances.tasks.advance_rollouts": 30,
    "services.instances.tasks.sample_regions": 60,
    "services.instances.tasks.forget_utilisation": _DAY,
    "services.instances.tasks.renew_certificates": _HOUR,
    "services.instances.tasks.forget_probes": _DAY,
    "billing.tasks.meter_and_rate": _HOUR,
    "billing.tasks.look_at_regions": 300,
    "billing.tasks.look_for_silence": 900,
    "billing.tasks.invoice_runs": 60,
    "billing.tasks.price_effects": 60,
    "billing.tasks.resume_spot": 15,
    "billing.tasks.keep_commitments": _HOUR,
    "billing.tasks.watch_free_tier": 1800,
    "billing.tasks.verify_invoices": _DAY,
    "billing.tasks.verify_sums": _DAY,
    "billing.tasks.find_advice": _DAY,
    "billing.tasks.upload_costs": 900,
    "billing.tasks.dun": _HOUR,
    "billing.tasks.mail_invoices": 300,
    "billing.tasks.settle_sla": _DAY,
    "billing.tasks.forget_usage": _DAY,
    "portal.api.tasks.expire_records": _HOUR,
    "portal.tenancy.tasks.forget_invitations": _DAY,
    "portal.notifications.tasks.tidy": _HOUR,
    "portal.audit.tasks.check_chains": _DAY,
}


def timetable(*, sweep_seconds: int, observe_seconds: int) -> dict[str, dict[str, Any]]:
    """For Celery, by the name of the task. A message that a busy worker left lying expires, so that
    they do not pile up.
    """
    rhythm = {
        "services.instances.tasks.sweep": sweep_seconds,
        "services.instances.tasks.interrupt_spot": sweep_seconds,
        "services.instances.tasks.observe_instances": observe_seconds,
        "portal.notifications.tasks.sweep": sweep_seconds,
    }
    return {
        task: {"task": task, "schedule": seconds, "options": {"expires": max(5, seconds)}}
        for task, seconds in {**rhythm, **_SECONDS}.items()
    }
