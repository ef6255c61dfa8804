"""Celery's side of money: thin, idempotent."""

from __future__ import annotations

from celery import shared_task

from billing import cycle
from billing.advice import keeping
from billing.commitments import upkeep as commitment_upkeep
from billing.costs import sums
from billing.dunning import mail, suspension
from billing.dunning import steps as dunning
from billing.focus import uploading
from billing.free_tier import watch
from billing.invoices import delivery, files, invoicing
from billing.metering import retention
from billing.models import InvoiceRun, PriceEffect
from billing.month_end import runs
from billing.rating import price_effect
from billing.sla import months
from billing.spot import resuming
from billing.usage import reporting, silence
from portal.kernel import clock
from portal.outbox.actions import hint
from services.instances import work


@shared_task(acks_late=True, time_limit=1800)
def meter_and_rate() -> None:
    """Brings usage and costs up to now."""
    cycle.meter_and_rate()


@shared_task(time_limit=60)
def look_at_regions() -> None:
    """Asks each region's workers what its services used beyond their plans."""
    work.ask_regions(look_at_region, expires_seconds=300)


@shared_task(time_limit=300)
def look_at_region(region_id: int) -> None:
    """In the region's own queue."""
    reporting.look_at_region(region_id)


@shared_task(time_limit=300)
def look_for_silence() -> None:
    """Tells staff of running services without usage."""
    silence.look()


@shared_task(time_limit=3600)
def forget_usage() -> None:
    """Deletes usage as it arrived once nothing needs it."""
    retention.forget_events()


@shared_task(time_limit=1800)
def verify_invoices() -> None:
    """Looks for a gap in the numbers and for a document that is not what was issued."""
    invoicing.verify()


@shared_task(time_limit=1800)
def verify_sums() -> None:
    """Looks whether the sums of the last months that pages read are those of their lines."""
    sums.unequal(clock.now().date() - sums.RECENT)


@shared_task(time_limit=1800)
def dun() -> None:
    """Reminds of what is overdue, and suspends where the setting wants it by itself."""
    dunning.run_due()
    if suspension.suspend_due():
        mail.send_waiting()


@shared_task(time_limit=1800)
def mail_invoices() -> None:
    """Mails what was issued to the addresses for invoices, with files that were left out."""
    files.write_missing()
    delivery.send_waiting()


@shared_task(time_limit=3600)
def settle_sla() -> None:
    """Credits what became known of months that were issued already."""
    months.settle_late()


@shared_task(time_limit=300)
def invoice_runs() -> None:
    """Begins what is due, and takes up again what a worker left."""
    runs.begin_due()
    for row in runs.open_runs():
        hint(runs.TASK, row.pk)


@shared_task(time_limit=60)
def price_effects() -> None:
    """Takes up what is waiting, should its message be lost."""
    for row in price_effect.waiting():
        hint(price_effect.TASK, row.pk)


@shared_task(acks_late=True, time_limit=3600)
def work_out_price_effect(effect_id: int) -> None:
    """What a change of prices does, over the usage of a month."""
    price_effect.work_out(PriceEffect.objects.get(pk=effect_id))


@shared_task(acks_late=True, time_limit=3600)
def advance_invoice_run(run_id: int) -> None:
    """Some seconds of a run; the next turn is another message, so that no worker is held long."""
    row = InvoiceRun.objects.get(pk=run_id)
    if runs.advance(row):
        hint(runs.TASK, row.pk)


@shared_task(acks_late=True, time_limit=1800)
def keep_commitments() -> None:
    """Charges what fell due, has days that are over rated, reminds people of an end."""
    commitment_upkeep.keep()


@shared_task(time_limit=3600)
def find_advice() -> None:
    """Works out what could cost less, and what earlier advice saved."""
    keeping.find_advice()


@shared_task(time_limit=1800)
def watch_free_tier() -> None:
    """Tells who uses the free tier what is left, and pauses what is used up."""
    watch.watch()


@shared_task(time_limit=120)
def resume_spot() -> None:
    """Lets what was interrupted go on where there is room, and shows what it costs in this hour."""
    resuming.resume_waiting()
    resuming.refresh_prices()


@shared_task(time_limit=1800)
def upload_costs() -> None:
    """Sends what is due of the day's files of costs to their buckets."""
    uploading.upload_due()
