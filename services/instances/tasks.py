"""Celery's side: thin, idempotent, ids only."""

from __future__ import annotations

from celery import shared_task

from services.instances import (
    engines,
    interruptions,
    probe_days,
    region_health,
    rollout,
    sampling,
    upkeep,
    work,
)
from services.regions import prober_silence


@shared_task(acks_late=True, time_limit=600)
def run_operation(operation_id: int) -> None:
    """One turn at an operation."""
    work.take_turn(operation_id)


@shared_task(time_limit=120)
def sweep() -> None:
    """Finds what the broker lost and what time has made due."""
    upkeep.sweep()


@shared_task(time_limit=120)
def interrupt_spot() -> None:
    """Pauses what is due to make room, and settles what became of earlier notices."""
    interruptions.sweep()


@shared_task(time_limit=300)
def observe_instances() -> None:
    """Looks at every instance that nothing is being done to."""
    upkeep.observe_instances()


@shared_task(time_limit=600)
def renew_certificates() -> None:
    """Opens a repair for each instance whose certificate is due."""
    upkeep.renew_certificates()


@shared_task(time_limit=600)
def prepare_ahead() -> None:
    """Keeps some data directories ready for the next orders."""
    upkeep.prepare_ahead()


@shared_task(time_limit=120)
def check_regions() -> None:
    """Stores each region's health."""
    region_health.check_regions()


@shared_task(time_limit=60)
def look_for_probers() -> None:
    """Tells staff of regions whose prober fell silent."""
    prober_silence.look()


@shared_task(time_limit=30)
def sample_regions() -> None:
    """Asks each region's workers to measure its instances."""
    work.ask_regions(sample_region, expires_seconds=60)


@shared_task(time_limit=55)
def sample_region(region_id: int) -> None:
    """Measures the instances of a region once."""
    sampling.sample_region(region_id)


@shared_task(time_limit=600)
def forget_utilisation() -> None:
    """Deletes what is too old to be shown."""
    sampling.forget()


@shared_task(time_limit=300)
def advance_rollouts() -> None:
    """Begins the next batches that are due, and ends what is done."""
    rollout.advance()


@shared_task(time_limit=600)
def forget_probes() -> None:
    """Deletes the minutes that are older than they are kept."""
    probe_days.forget()


@shared_task(time_limit=60)
def install_engine(name: str) -> None:
    """Starts the program that fetches an engine."""
    engines.do_install(name)


@shared_task(time_limit=300)
def remove_engine(name: str) -> None:
    """Deletes an engine that nothing runs on."""
    engines.do_remove(name)
