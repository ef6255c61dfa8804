"""What its buyer disputes: nothing is done about it meanwhile, and no step is skipped."""

from datetime import date
from decimal import Decimal

import pytest
from django.core import mail

from billing.dunning import holds, suspension
from billing.dunning import steps as dunning
from billing.dunning.steps import Planned, next_step
from billing.invoices.standing import standing
from billing.models import DunningHold, DunningStep
from portal.api.serializers.invoices import invoice as serialized
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.notifications.queries import words_of
from portal.outbox.models import OutboxEntry
from portal.tenancy.models import Organisation
from tests.billing.dunning.test_steps import (
    DUE,
    RULES,
    THREE,
    after,
    day,
    invoice,
    known,
    live,
    pay,
    step,
    steps,
)
from tests.billing.payments.test_actions import invoice as made
from tests.makers import make_owner, make_staff

__all__ = ["day", "invoice"]  # fixtures
WHY = "You say that the service was never yours."


def hold(invoice, until, **fields):
    asked = {"actor": SYSTEM, "until": after(until), "reason": WHY}
    return holds.hold_invoice(invoice=invoice, **asked | fields)


def pause(first, end):
    return after(first), after(end)


def of(invoice):
    return Organisation.objects.get(pk=invoice.organisation_id)


@pytest.mark.parametrize(
    ("taken", "today", "pauses", "expected"),
    [
        ([], 12, [pause(3, 10)], Planned("reminder", 1, after(14))),
        ([], 12, [pause(-9, 10)], Planned("reminder", 1, after(17))),  # since the due day
        (THREE[:1], 12, [pause(7, 10)], Planned("reminder", 2, after(17))),
        (THREE[:1], 30, [pause(8, 10), pause(12, 20)], Planned("reminder", 2, after(24))),
        (THREE, 60, [pause(30, 50)], Planned("warning", 1, after(55), after(67))),
        (
            [*THREE, step("warning", 1, 35, after(42))],
            60,
            [pause(38, 60)],
            Planned("suspension", 1, after(64)),  # seven days that were not held
        ),
        (
            [*THREE, step("warning", 1, 35, after(42))],
            41,
            [pause(20, 30)],
            Planned("suspension", 1, after(42)),  # held before the warning: nothing moves
        ),
    ],
)
def test_the_time_of_an_invoice_stands_still_while_it_is_held(taken, today, pauses, expected):
    assert next_step(DUE, taken, after(today), RULES, pauses) == expected


@pytest.mark.walk
@pytest.mark.django_db
def test_no_step_is_taken_while_it_is_held_and_none_is_left_out(invoice, day):
    live(day, [7, 8])
    day(10)
    hold(invoice, 29)
    live(day, range(10, 30))
    assert steps() == [("reminder", 1, 7)]
    assert dunning.planned(SYSTEM)[0][1] == Planned("reminder", 2, after(34))
    live(day, range(30, 70))
    assert steps() == [
        ("reminder", 1, 7),
        ("reminder", 2, 34),  # seven days after the first, twenty of them held
        ("reminder", 3, 48),
        ("warning", 1, 55),
    ]
    assert suspension.to_suspend(SYSTEM) == [(of(invoice), invoice)]
    assert dunning.announced_suspension(invoice) == after(62)


def lived(start, days):
    """The steps of an invoice that is held for `days` from the day `start` on, by `next_step`."""
    pauses, taken = [pause(start, start + days)], []
    for number in range(42 + days + 1):
        found = next_step(DUE, taken, after(number), RULES, pauses if number >= start else [])
        is_held = start <= number < start + days
        if found and found.on <= after(number) and not is_held:
            taken.append(step(found.kind, found.level, number, found.acts_on))
    return {(one.kind, one.level): (one.at.date() - DUE).days for one in taken}


@pytest.mark.parametrize("days", [1, 3, 12, 40])
@pytest.mark.parametrize("start", range(42))
def test_the_warning_always_has_its_days(start, days):
    """However long and whenever it is held: seven days that are not held lie before it."""
    taken = lived(start, days)
    assert len(taken) == 5
    warned, suspended = taken["warning", 1], taken["suspension", 1]
    held = set(range(start, start + days))
    assert suspended - warned - len(set(range(warned, suspended)) & held) == 7
    assert suspended == 42 + days
    assert not set(taken.values()) & held


@pytest.mark.walk
@pytest.mark.django_db
def test_a_suspension_is_lifted_and_comes_again_only_after_another_warning(invoice, day, settings):
    settings.POLDER_SUSPEND = "automatic"
    known(invoice)
    live(day, [7, 14, 28, 35, 42])
    assert of(invoice).suspended_at
    day(45)
    hold(invoice, 49)
    assert of(invoice).suspended_at is None
    assert AuditEvent.objects.get(verb="organisation.lift_suspension").reason.startswith("What is")
    mails = len(mail.outbox)
    live(day, range(46, 50))
    assert len(mail.outbox) == mails
    live(day, range(50, 65))
    assert steps()[-2:] == [("warning", 2, 50), ("suspension", 2, 57)]
    assert of(invoice).suspended_at
    pay(invoice)
    assert of(invoice).suspended_at is None


@pytest.mark.walk
@pytest.mark.django_db
def test_after_it_was_lifted_no_warning_of_any_invoice_holds(invoice, day, settings):
    """Two were warned of, and it was suspended for one."""
    settings.POLDER_SUSPEND = "automatic"
    second = made(organisation=invoice.organisation, month=date(2026, 9, 1))
    live(day, [7, 14, 28, 35, 42])
    day(45)
    hold(invoice, 49)
    hold(second, 49)
    assert of(invoice).suspended_at is None
    live(day, range(46, 57))
    assert of(invoice).suspended_at is None
    assert steps()[-2:] == [("warning", 2, 50)] * 2
    assert dunning.announced_suspension(second) == after(57)
    live(day, [57])
    assert of(invoice).suspended_at


@pytest.mark.walk
@pytest.mark.django_db
def test_staff_ends_it_before_its_day(invoice, day):
    day(3)
    hold(invoice, 60)
    day(9)
    holds.end_hold(actor=make_staff(), invoice=invoice)
    assert dunning.hold_of(invoice) is None
    assert dunning.planned(SYSTEM)[0][1] == Planned("reminder", 1, after(13))
    with pytest.raises(Conflict, match="is not held"):
        holds.end_hold(actor=SYSTEM, invoice=invoice)
    verbs = AuditEvent.objects.filter(verb__startswith="invoice.").values_list("verb", "reason")
    assert list(verbs.order_by("pk"))[-2:] == [("invoice.hold", WHY), ("invoice.end_hold", "")]


@pytest.mark.walk
@pytest.mark.django_db
def test_another_day_takes_the_place_of_the_first(invoice, day):
    day(3)
    hold(invoice, 60)
    day(5)
    hold(invoice, 8)
    assert dunning.hold_of(invoice).until == after(8)
    assert DunningHold.objects.filter(ended_at=None).count() == 1
    live(day, range(9, 20))
    assert steps() == [("reminder", 1, 13)]


@pytest.mark.walk
@pytest.mark.django_db
def test_other_invoices_of_the_organisation_go_on(invoice, day, settings):
    settings.POLDER_SUSPEND = "automatic"
    made(organisation=invoice.organisation, month=date(2026, 9, 1))
    day(1)
    hold(invoice, 200)
    live(day, [7, 14, 28, 35, 42])
    assert of(invoice).suspended_at
    assert not DunningStep.objects.filter(invoice=invoice).exists()


@pytest.mark.walk
@pytest.mark.django_db
def test_who_pays_meanwhile_hears_nothing_more(invoice, day):
    day(3)
    hold(invoice, 20)
    pay(invoice)
    live(day, range(21, 60))
    assert steps() == []
    assert standing(invoice).left == 0
    with pytest.raises(Conflict, match="Nothing is left"):
        hold(invoice, 90)


@pytest.mark.walk
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"reason": " "}, "reason"),
        ({"until": after(2)}, "until"),
        ({"until": after(3 + 367)}, "until"),
    ],
)
def test_it_needs_a_reason_and_a_day_that_is_near(invoice, day, fields, fault):
    day(3)
    asked = {"until": after(20), "reason": WHY}
    with pytest.raises(Invalid) as told:
        holds.hold_invoice(actor=SYSTEM, invoice=invoice, **asked | fields)
    assert set(told.value.fields) == {fault}


@pytest.mark.walk
@pytest.mark.django_db
def test_only_staff_holds(invoice, day):
    owner = make_owner(invoice.organisation.projects.first())
    with pytest.raises(NotPermitted):
        hold(invoice, 20, actor=owner)
    with pytest.raises(NotPermitted):
        holds.end_hold(actor=owner, invoice=invoice)


@pytest.mark.walk
@pytest.mark.django_db
def test_the_organisation_is_told_and_reads_it_by_the_api(invoice, day):
    day(3)
    hold(invoice, 20)
    words = words_of(OutboxEntry.objects.get(kind=holds.HELD))
    assert words.title == "Invoice 2026-000001 is held until 8 December 2026"
    assert words.path == f"/costs/invoices/{invoice.number}/"
    said = serialized(invoice, [])
    assert (said["held_until"], said["held_because"]) == ("2026-12-08", WHY)
    holds.end_hold(actor=SYSTEM, invoice=invoice)
    assert words_of(OutboxEntry.objects.get(kind=holds.ENDED)).title.endswith("any more")
    assert serialized(invoice, [])["held_until"] is None
    assert Decimal(said["left"]) == invoice.gross
    assert clock.now().date() == after(3)
