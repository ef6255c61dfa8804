"""The invoices of a month: drafts at once, issued when the grace for late usage is over.

A run goes over the organisations one by one and keeps how far it came, so whoever takes it up again
goes on there. Each organisation stands for itself: what keeps one invoice from being issued is told
and holds up no other. What is issued is not issued again, and files that are missing are made.

Runs begin by themselves (`begin_due`) or by hand; `billing.tasks` and `manage.py billing invoice`
take the same turns.

Source: shared design, billing 1.2 (close on day 1, issue on day 4).
"""

from __future__ import annotations

import logging
import time
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from billing.costs import sla_postings
from billing.credit_notes.actions import credit_reductions
from billing.identity import queries as identities
from billing.invoices import invoicing
from billing.invoices.credit import give_back
from billing.invoices.files import write_files
from billing.locks import alone
from billing.metering import records as metering
from billing.metering.plantime import month_bounds
from billing.models import CostLine, Invoice, InvoiceRun, RatedMonth
from billing.models.costs import TO_PAY
from billing.rating import months as rating
from billing.sla import months
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Conflict, PortalError
from portal.outbox.actions import hint
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff

logger = logging.getLogger(__name__)
GRACE = timedelta(hours=72)
TASK = "billing.tasks.advance_invoice_run"
_AGAIN = timedelta(days=1)  # whoever is held up is tried again
BACK_DAYS = 100  # older months only by hand
_TURN_SECONDS = 20
_BATCH = 100
_LOCK = 0x696E766F << 20  # and the month
_Kind, _State = InvoiceRun.Kind, InvoiceRun.State


def grace_until(month: date) -> datetime:
    """Until when usage of a month may arrive."""
    return month_bounds(month)[1] + GRACE


# -- beginning -------------------------------------------------------------------------------------


@transaction.atomic
def begin_run(*, actor: Actor, month: date, kind: str) -> InvoiceRun:
    """Begins a run; workers take it from there. Only staff, and Polder itself.

    Raises: NotPermitted; Conflict when the month is not over, or its grace is not, or when a run of
    the month is under way.
    """
    require_staff(actor)
    _check_time(month, kind)
    by = None if actor.is_system else int(actor.id)
    try:
        with transaction.atomic():
            row = InvoiceRun.objects.create(
                month=month, kind=kind, by_id=by, created_at=clock.now()
            )
    except IntegrityError as error:
        raise Conflict(
            _("A run of %(month)s is under way.") % {"month": f"{month:%Y-%m}"},
            hint=_("Wait until it has ended."),
        ) from error
    record(actor, "invoice_run.begin", "invoice_run", f"{month:%Y-%m}", chain=PROVIDER, reason=kind)
    transaction.on_commit(lambda: hint(TASK, row.pk))
    return row


def begin_due() -> list[InvoiceRun]:
    """What begins by itself: drafts when a month is over, and its invoices after the grace; again
    each day while somebody has costs and no invoice.
    """
    return [
        begin_run(actor=SYSTEM, month=month, kind=kind)
        for month in _open_months()
        if _is_due(month, kind := _kind_now(month)) and unbilled(month).exists()
    ]


def _check_time(month: date, kind: str) -> None:
    now, said = clock.now(), {"month": f"{month:%Y-%m}"}
    if now < month_bounds(month)[1]:
        raise Conflict(_("%(month)s is not over.") % said)
    if kind == _Kind.ISSUE and now < (until := grace_until(month)):
        raise Conflict(
            _("Usage of %(month)s may arrive until %(until)s UTC.")
            % (said | {"until": f"{until:%F %H:%M}"}),
            hint=_("Issue after that; drafts can be written at once."),
        )


def _kind_now(month: date) -> str:
    return _Kind.ISSUE if clock.now() >= grace_until(month) else _Kind.DRAFT


def _is_due(month: date, kind: str) -> bool:
    runs = InvoiceRun.objects.filter(month=month)
    last = runs.filter(kind=kind).order_by("-pk").first()
    if runs.filter(finished_at=None).exists():
        return False
    return last is None or last.created_at < clock.now() - _AGAIN


def _open_months() -> list[date]:
    today = clock.now().date()
    rows = RatedMonth.objects.filter(
        closed_at=None,
        month__lt=today.replace(day=1),
        month__gte=today - timedelta(days=BACK_DAYS),
    )
    return sorted(set(rows.values_list("month", flat=True)))


def payable(month: date) -> QuerySet[RatedMonth]:
    """The organisations that have something to pay for in a calendar month."""
    end = month_bounds(month)[1].date()
    lines = CostLine.objects.filter(
        TO_PAY,
        organisation=OuterRef("organisation"),
        day__gte=month,
        day__lt=end,
        category__in=(CostLine.Category.USAGE, CostLine.Category.PURCHASE),
    )
    return RatedMonth.objects.filter(Exists(lines), month=month)


def unbilled(month: date) -> QuerySet[RatedMonth]:
    """Those of them that have no invoice yet."""
    return payable(month).filter(closed_at=None)


# -- taking turns ----------------------------------------------------------------------------------


def advance(row: InvoiceRun, *, seconds: int = _TURN_SECONDS) -> bool:
    """Takes a run some seconds further, unless another worker is at it. Whether more is left."""
    with alone(_LOCK | int(f"{row.month:%Y%m}")) as mine:
        row.refresh_from_db()
        if not mine or not row.is_open:
            return False
        if row.state in (_State.WAITING, _State.PREPARING):
            _prepare(row)
        until = time.monotonic_ns() + seconds * 10**9
        while row.is_open and time.monotonic_ns() < until:
            _some(row, until)
        return row.is_open


def run(*, actor: Actor, month: date, kind: str) -> InvoiceRun:
    """A whole run at once, or the rest of one that is under way.

    Raises: as `begin_run`, also when a worker is at it.
    """
    row = InvoiceRun.objects.filter(month=month, kind=kind, finished_at=None).first()
    row = row or begin_run(actor=actor, month=month, kind=kind)
    while advance(row):
        pass
    if row.is_open:
        raise Conflict(
            _("A worker is at the run of %(month)s.") % {"month": f"{month:%Y-%m}"},
            hint=_("See its progress on the page of invoice runs."),
        )
    return row


def open_runs() -> list[InvoiceRun]:
    return list(InvoiceRun.objects.filter(finished_at=None).order_by("pk"))


def _prepare(row: InvoiceRun) -> None:
    """Usage and costs once more, and whom the run is for."""
    _keep(row, state=_State.PREPARING, started_at=row.started_at or clock.now())
    try:
        metering.meter(row.month)
        rating.rate(row.month)
    except Exception:  # whatever it is, a person must see that the run has stopped
        logger.exception("invoice_run.failed", extra={"month": str(row.month)})
        _keep(row, state=_State.FAILED, finished_at=clock.now())
        return
    _keep(row, state=_State.RUNNING, of=_organisations(row).count())


def _organisations(row: InvoiceRun) -> QuerySet[Organisation]:
    return Organisation.objects.filter(pk__in=payable(row.month).values("organisation"))


def _some(row: InvoiceRun, until: int) -> None:
    """The next organisations, until the time is over; the end when there are none."""
    following = list(_organisations(row).filter(pk__gt=row.after).order_by("pk")[:_BATCH])
    for organisation in following:
        if time.monotonic_ns() >= until:
            return
        if why := _tried(row, organisation):
            row.held_up[organisation.slug] = why
            said = {"organisation": organisation.slug, "why": why["why"]}
            logger.warning("invoice.held_up", extra=said)
        counts = {"drafted": row.drafted, "issued": row.issued, "held_up": row.held_up}
        _keep(row, after=organisation.pk, done=row.done + 1, **counts)
    if not following:
        _end(row)


@transaction.atomic
def _end(row: InvoiceRun) -> None:
    """With the invoices close the months that need none: what comes late is a correction."""
    if row.kind == _Kind.ISSUE:
        free = RatedMonth.objects.filter(month=row.month, closed_at=None, due_since=None)
        free = free.exclude(pk__in=payable(row.month).values("pk"))
        for draft in _drafts(row.month).filter(organisation__in=free.values("organisation")):
            give_back(draft.organisation, row.month)
            draft.delete()
        for credited in free.filter(Exists(_credits(row.month))).select_related("organisation"):
            sla_postings.move_on(credited.organisation, row.month)
        free.update(closed_at=clock.now())
    _keep(row, state=_State.DONE, finished_at=clock.now())
    counts = {"drafted": row.drafted, "issued": row.issued, "held_up": len(row.held_up)}
    month = f"{row.month:%Y-%m}"
    record(SYSTEM, "invoice_run.end", "invoice_run", month, chain=PROVIDER, after=counts)


def _credits(month: date) -> QuerySet[CostLine]:
    """What is credited in a calendar month to the organisation of an outer query."""
    return CostLine.objects.filter(
        organisation=OuterRef("organisation"),
        day__gte=month,
        day__lt=month_bounds(month)[1].date(),
        category=CostLine.Category.CREDIT,
    )


def _keep(row: InvoiceRun, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))


# -- one organisation ------------------------------------------------------------------------------


def _tried(row: InvoiceRun, organisation: Organisation) -> dict[str, Any]:
    """Why it has no invoice yet; empty when it has."""
    invoice = Invoice.objects.filter(
        organisation=organisation, month=row.month, status=Invoice.Status.ISSUED, kind="380"
    ).first()
    if invoice is None and (faults := identities.faults_to_issue(organisation)):
        return {"why": "identity", "faults": list(faults)}
    try:
        with translation.override(settings.LANGUAGE_CODE):
            _one(row, organisation, invoice)
    except PortalError as error:
        return {"why": "refused", "text": error.text}
    except Exception:  # one that breaks must not stop the others
        logger.exception("invoice.broken", extra={"organisation": organisation.slug})
        return {"why": "broken"}
    return {}


def _one(row: InvoiceRun, organisation: Organisation, invoice: Invoice | None) -> None:
    if invoice is None:
        months.settle(organisation, row.month)
        if row.kind == _Kind.ISSUE and _gave_back_all(organisation, row.month):
            return
        invoice = invoicing.draft(organisation, row.month)
        row.drafted += 1
        if row.kind == _Kind.DRAFT:
            return
        invoice = invoicing.issue(actor=SYSTEM, invoice=invoice)
        row.issued += 1
    elif row.started_at and invoice.issued_at and invoice.issued_at > row.started_at:
        row.drafted, row.issued = row.drafted + 1, row.issued + 1  # killed before it was counted
    write_files(invoice)


def _gave_back_all(organisation: Organisation, month: date) -> bool:
    """Corrections that give back become credit notes; whether nothing is left to be paid for. What
    the draft took of credit is given back first: only what is billed decides.
    """
    give_back(organisation, month)
    credit_reductions(actor=SYSTEM, organisation=organisation, month=month)
    if payable(month).filter(organisation=organisation).exists():
        return False
    _drafts(month).filter(organisation=organisation).delete()
    return True


def _drafts(month: date) -> QuerySet[Invoice]:
    return Invoice.objects.filter(month=month, kind="380", status=Invoice.Status.DRAFT)
