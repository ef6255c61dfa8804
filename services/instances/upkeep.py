"""What is done without being asked: find lost work, empty the bin, look at what runs, renew,
prepare ahead.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import BackendError, PortalError
from services.backends import backend_for
from services.backends.process import certificates, installing, pool
from services.backends.process.layout import empty_trash
from services.backends.process.supervisor import Supervisor
from services.instances import actions, looking, work
from services.instances.models import Instance, Operation
from services.instances.specs import entry_of, spec_of
from services.instances.states import OPEN, Phase
from services.regions.models import Region

logger = logging.getLogger(__name__)
_FRESH = timedelta(seconds=2)  # a message for it is still on its way
_AT_ONCE = 500


def sweep() -> None:
    """Due operations without a live lease go back to the queue; the bin gives up what is over its
    time.
    """
    now = Now()
    rows = (
        Operation.objects.filter(
            Q(lease_until__isnull=True) | Q(lease_until__lt=now),
            Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now),
            Q(claim__gt=0) | Q(created_at__lt=now - _FRESH),
            state__in=OPEN,
        )
        .order_by("id")
        .values_list("pk", "instance__region__code")[:_AT_ONCE]
    )
    for pk, code in rows:
        work.enqueue(pk, code)
    _empty_bin()


def _empty_bin() -> None:
    due = Instance.objects.filter(delete_at__lte=Now()).filter(~Exists(_open()))[:_AT_ONCE]
    for instance in due.select_related("project__organisation", "region"):
        try:
            actions.purge(actor=SYSTEM, instance=instance, reason="bin")
        except PortalError as error:
            logger.warning(
                "bin.purge_refused", extra={"instance": instance.public_id, "code": error.code}
            )


def _open() -> QuerySet[Operation]:
    return Operation.objects.filter(instance=OuterRef("pk"), state__in=OPEN)


def observe_instances() -> None:
    """Stores what each quiet instance of a polled region shows, where that has changed."""
    quiet = (
        Instance.objects.filter(
            deleted_at__isnull=True,
            delete_at__isnull=True,
            region__backend=Region.Backend.PROCESS,
            phase__in=[Phase.RUNNING, Phase.PAUSED],
        )
        .filter(~Exists(_open()))
        .select_related("project__organisation", "region")
    )
    for instance in quiet.iterator(chunk_size=200):
        try:
            _observe(instance)
        except BackendError as error:
            logger.warning(
                "observe.failed", extra={"instance": instance.public_id, "code": error.code}
            )


def _observe(instance: Instance) -> None:
    seen = backend_for(instance.region).observe(entry_of(instance), spec_of(instance))
    looking.note(instance, seen)


def renew_certificates() -> None:
    """A `repair` for each running instance with a certificate that is due; applying it renews and
    reloads.
    """
    home = Path(settings.POLDER_HOME)
    rows = Instance.objects.filter(
        region__backend=Region.Backend.PROCESS, phase=Phase.RUNNING
    ).select_related("project__organisation", "region")
    for instance in rows.iterator(chunk_size=200):
        leaf = home / "instances" / instance.public_id / "config" / "certificate.pem"
        if leaf.exists() and certificates.is_due(leaf):
            actions.repair(actor=SYSTEM, instance=instance, reason="certificate")


def prepare_ahead() -> None:
    """Tops up prepared data directories and tidies what installations and crashes left."""
    home = Path(settings.POLDER_HOME)
    if not (home / "supervisor").exists():
        return
    made = pool.refill(home)
    empty_trash(home)
    installing.tidy(Supervisor(home))
    if made:
        logger.info("pool.refilled", extra={"made": made, "at": clock.now().isoformat()})
