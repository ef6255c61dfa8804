"""Reminders of what is overdue: one step after another, each once for an invoice, by mail.

What comes next follows from the due day, the settings and the steps taken so far (`next_step`), so
the same list says what will happen and does it. Levels keep their distance: after a time in which
nothing ran, reminders do not come on top of each other. After the last level comes the warning that
the organisation will be suspended, seven days before at the least.

When a payment is taken back and a settled invoice is open again, another round begins: with all its
steps, and the day on which that was written down in the place of the due day. While an invoice is
held (`billing.dunning.holds`) its time stands still: what comes next comes as many days later as it
was held since the due day, the step before or the warning.

Settings: POLDER_DUNNING_DAYS, POLDER_SUSPEND, POLDER_SUSPEND_DAYS, POLDER_SUSPEND_WARN_DAYS.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, QuerySet

from billing.dunning import mail
from billing.dunning.texts import params_of
from billing.invoices.standing import overdue, standing
from billing.models import DunningHold, DunningStep, Invoice
from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.outbox.actions import notify
from portal.tenancy.oversight import require_staff

logger = logging.getLogger(__name__)
Span = tuple[date, date]  # the last day left out
LEAST_WARNING = 7
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_Kind = DunningStep.Kind
_VERBS = {_Kind.REMINDER: "invoice.remind", _Kind.WARNING: "invoice.warn"}


@dataclass(frozen=True, slots=True)
class Rules:
    """`days` after the due day of each level; `suspend` is confirm, automatic or never."""

    days: tuple[int, ...]
    suspend: str
    suspend_days: int
    warn_days: int


@dataclass(frozen=True, slots=True)
class Planned:
    """The next step of an invoice and the day from which it is due. `acts_on` is when the
    organisation is suspended, for a warning.
    """

    kind: str
    level: int
    on: date
    acts_on: date | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """The steps `taken` of an invoice since it is open, and the day that they count from. `round`
    is how often it was opened again.
    """

    round: int
    due_on: date | None
    taken: list[DunningStep]


def rules() -> Rules:
    warn = max(settings.POLDER_SUSPEND_WARN_DAYS, LEAST_WARNING)
    return Rules(
        tuple(sorted(settings.POLDER_DUNNING_DAYS)),
        settings.POLDER_SUSPEND,
        settings.POLDER_SUSPEND_DAYS,
        warn,
    )


def next_step(
    due_on: date,
    taken: Sequence[DunningStep],
    today: date,
    given: Rules,
    pauses: Sequence[Span] = (),
) -> Planned | None:
    """Of an invoice of which something is left, and that was held in `pauses`. None when there is
    nothing more to say. Pure.
    """
    by_kind = {kind: [step for step in taken if step.kind == kind] for kind in _Kind.values}
    level = len(by_kind[_Kind.REMINDER]) + 1
    last = max((step.at.date() for step in taken), default=None)
    if level <= len(given.days):
        on = _later(due_on, given.days[level - 1], pauses)
        if last is not None:
            gap = given.days[level - 1] - given.days[level - 2]
            on = max(on, _later(last, gap, pauses))
        return Planned(_Kind.REMINDER, level, on)
    if given.suspend == "never" or any(not step.lifted_at for step in by_kind[_Kind.SUSPENSION]):
        return None
    if warning := warning_of(taken):
        on = acts_on(warning, pauses) or today
        return Planned(_Kind.SUSPENSION, len(by_kind[_Kind.SUSPENSION]) + 1, on)
    on = _later(due_on, given.suspend_days - given.warn_days, pauses)
    if last is not None:
        on = max(on, _later(last, 1, pauses))
    acts = max(on, today) + timedelta(days=given.warn_days)
    acts = max(acts, _later(due_on, given.suspend_days, pauses))
    return Planned(_Kind.WARNING, len(by_kind[_Kind.WARNING]) + 1, on, acts)


def warning_of(taken: Sequence[DunningStep]) -> DunningStep | None:
    """The warning that holds: when the organisation's suspension is lifted it does no more."""
    lifted = [step.lifted_at for step in taken if step.lifted_at]
    warnings = [step for step in taken if step.kind == _Kind.WARNING]
    since = max(lifted, default=_LONG_AGO)
    return next((step for step in reversed(warnings) if step.at > since), None)


def acts_on(warning: DunningStep, pauses: Sequence[Span]) -> date | None:
    """When the organisation is suspended: the day that was said, later by what was held since."""
    said = warning.acts_on
    return said and said + timedelta(days=_held(warning.at.date(), pauses))


def _later(since: date, days: int, pauses: Sequence[Span]) -> date:
    return since + timedelta(days=days + _held(since, pauses))


def _held(since: date, pauses: Sequence[Span]) -> int:
    """Days from `since` on for which it was held."""
    return sum(max((end - max(start, since)).days, 0) for start, end in pauses)


def planned(actor: Actor) -> list[tuple[Invoice, Planned]]:
    """What comes next of every overdue invoice, the soonest first. Raises: NotPermitted."""
    require_staff(actor)
    today, given = clock.now().date(), rules()
    found = []
    for invoice in with_steps(overdue()):
        step = _next_of(invoice, today, given)
        if step is not None:
            found.append((invoice, step))
    return sorted(found, key=lambda one: (one[1].on, one[0].pk))


def with_steps(rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """With what `next_step` asks for, in three queries."""
    steps = DunningStep.objects.order_by("at", "pk")
    holds = DunningHold.objects.order_by("at", "pk")
    return rows.prefetch_related(
        Prefetch("dunning_steps", queryset=steps),
        Prefetch("dunning_holds", queryset=holds),
        "payments",
    )


def _next_of(invoice: Invoice, today: date, given: Rules) -> Planned | None:
    course = course_of(invoice)
    if course.due_on is None:
        return None
    pauses = pauses_of(invoice)
    step = next_step(course.due_on, course.taken, today, given, pauses)
    held_until = max((end for _start, end in pauses), default=today)
    if step is None or step.on >= held_until:
        return step
    return replace(step, on=held_until) if held_until > today else step


def course_of(invoice: Invoice) -> Course:
    """Where the reminders of an invoice are."""
    reopened = [p.recorded_at.date() for p in invoice.payments.all() if p.reopens]
    steps = sorted(invoice.dunning_steps.all(), key=lambda step: (step.at, step.pk))
    taken = [step for step in steps if step.round == len(reopened)]
    due_on = invoice.due_on and max([invoice.due_on, *reopened])
    return Course(len(reopened), due_on, taken)


def hold_of(invoice: Invoice) -> DunningHold | None:
    """The one that holds today."""
    today = clock.now().date()
    holds = [hold for hold in invoice.dunning_holds.all() if hold.span[0] <= today < hold.span[1]]
    return holds[-1] if holds else None


def pauses_of(invoice: Invoice) -> list[Span]:
    """When an invoice was held, or is: days, the last one left out."""
    return [hold.span for hold in invoice.dunning_holds.all()]


def run_due() -> int:
    """Takes every step that is due but the suspensions (`billing.dunning.suspension`), and sends
    the mails that are waiting. Returns how many steps were taken.
    """
    today, given = clock.now().date(), rules()
    due = [
        invoice.pk
        for invoice in with_steps(overdue())
        if (step := _next_of(invoice, today, given)) and step.on <= today and step.kind in _VERBS
    ]
    taken = sum(_take(key, today, given) for key in due)
    mail.send_waiting()
    if taken:
        logger.info("dunning.taken", extra={"steps": taken})
    return taken


@transaction.atomic
def _take(key: int, today: date, given: Rules) -> bool:
    """Looks again under the invoice's lock: it may have been paid, or another worker was here."""
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("organisation")
    invoice = rows.get(pk=key)
    left = standing(invoice).left
    step = _next_of(with_steps(Invoice.objects.filter(pk=key)).get(), today, given)
    if left <= 0 or step is None or step.on > today or step.kind not in _VERBS:
        return False
    write(invoice, step, left)
    after = {"level": step.level, "left": f"{left:f}"}
    record(
        SYSTEM,
        _VERBS[DunningStep.Kind(step.kind)],
        "invoice",
        str(invoice.number),
        chain=invoice.organisation.slug,
        after=after,
    )
    return True


def write(invoice: Invoice, step: Planned, left: Decimal) -> DunningStep:
    """Writes a step down and tells the organisation, in the caller's transaction."""
    made = DunningStep.objects.create(
        invoice=invoice,
        round=course_of(invoice).round,
        kind=step.kind,
        level=step.level,
        left=left,
        acts_on=step.acts_on,
        at=clock.now(),
    )
    notify(
        f"invoice.{step.kind}",
        organisation_id=invoice.organisation_id,
        target=str(invoice.number),
        params=params_of(made, invoice),
    )
    return made


def steps_of(invoice: Invoice) -> list[DunningStep]:
    """Of an invoice that the caller may see, oldest first."""
    return list(invoice.dunning_steps.order_by("at", "pk"))


def taken(actor: Actor) -> QuerySet[DunningStep]:
    """The steps of all invoices, newest first. Raises: NotPermitted."""
    require_staff(actor)
    rows = DunningStep.objects.select_related("invoice__organisation")
    return rows.defer("invoice__document").order_by("-at", "-pk")


def announced_suspension(invoice: Invoice) -> date | None:
    """When the organisation will be suspended for an invoice that its reader may see."""
    warning = warning_of(course_of(invoice).taken)
    return acts_on(warning, pauses_of(invoice)) if warning else None
