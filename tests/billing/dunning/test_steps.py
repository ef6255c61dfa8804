"""Reminders: once each, in order, at a distance; the warning; the suspension and its end."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from billing import tasks
from billing.dunning import mail as dunning_mail
from billing.dunning import steps as dunning
from billing.dunning import suspension
from billing.dunning.steps import Planned, Rules, next_step
from billing.einvoice.stored import to_json
from billing.identity import actions as identities
from billing.models import DunningStep
from billing.payments import actions as payments
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, NotPermitted, Unavailable
from portal.notifications.fanout import fan_out
from portal.notifications.models import Mailing, Notification
from portal.notifications.queries import words_of
from portal.outbox.models import OutboxEntry
from portal.tenancy.actions import lift_suspension, suspend_organisation
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Role
from tests.billing.einvoice import samples
from tests.billing.payments.test_actions import invoice as made
from tests.makers import make_member, make_owner, make_project, make_staff

pytestmark = [pytest.mark.walk, pytest.mark.django_db]
DUE = date(2026, 11, 18)
WARNED = (7, 14, 28, 35)
RULES = Rules((7, 14, 28), "confirm", 42, 7)


@pytest.fixture
def day(monkeypatch):
    """Sets the clock to noon, so many days after the due day."""

    def to(days):
        at = datetime(2026, 11, 18, 12, tzinfo=UTC) + timedelta(days=days)
        monkeypatch.setattr(clock, "now", lambda: at)
        return at.date()

    to(0)
    return to


@pytest.fixture
def invoice(day):
    project = make_project()
    return made(organisation=project.organisation, document=to_json(samples.invoice()))


def known(invoice, address="rechnung@deichbau.example"):
    identities.update_identity(
        actor=make_owner(invoice.organisation.projects.first()),
        organisation=invoice.organisation,
        values={
            "kind": "business",
            "legal_name": "Deichbau Nord GmbH",
            "street": "Am Deich 7",
            "postcode": "20095",
            "city": "Hamburg",
            "country": "DE",
            "invoice_email": address,
        },
    )


def steps():
    rows = DunningStep.objects.order_by("pk")
    return [(step.kind, step.level, (step.at.date() - DUE).days) for step in rows]


def pay(invoice, amount="151.78"):
    payments.record_payment(
        actor=SYSTEM,
        invoice=invoice,
        amount=Decimal(amount),
        received_on=clock.now().date(),
    )


def live(day, days):
    for number in days:
        day(number)
        tasks.dun()


# -- what comes next -------------------------------------------------------------------------------


def step(kind, level, days, acts_on=None):
    at = datetime(2026, 11, 18, 12, tzinfo=UTC) + timedelta(days=days)
    return DunningStep(kind=kind, level=level, at=at, acts_on=acts_on)


def after(days):
    return DUE + timedelta(days=days)


THREE = [step("reminder", n, days) for n, days in ((1, 7), (2, 14), (3, 28))]


@pytest.mark.parametrize(
    ("taken", "today", "expected"),
    [
        ([], 1, Planned("reminder", 1, after(7))),
        (THREE[:1], 8, Planned("reminder", 2, after(14))),
        (THREE[:2], 20, Planned("reminder", 3, after(28))),
        (THREE, 29, Planned("warning", 1, after(35), after(42))),
        ([*THREE, step("warning", 1, 35, after(42))], 36, Planned("suspension", 1, after(42))),
        ([], 90, Planned("reminder", 1, after(7))),
        ([step("reminder", 1, 90)], 90, Planned("reminder", 2, after(97))),
        ([*THREE[:2], step("reminder", 3, 90)], 90, Planned("warning", 1, after(91), after(98))),
        (THREE, 60, Planned("warning", 1, after(35), after(67))),
    ],
)
def test_what_comes_next(taken, today, expected):
    assert next_step(DUE, taken, after(today), RULES) == expected


def test_nothing_comes_after_the_last_step():
    done = [*THREE, step("warning", 1, 35, after(42)), step("suspension", 1, 42)]
    assert next_step(DUE, done, after(50), RULES) is None
    assert next_step(DUE, THREE, after(50), Rules((7, 14, 28), "never", 42, 7)) is None


def test_a_warning_comes_a_week_before_whatever_the_settings_say(settings):
    settings.POLDER_SUSPEND_WARN_DAYS = 1
    assert dunning.rules().warn_days == 7


# -- day by day ------------------------------------------------------------------------------------


def test_each_step_is_taken_once_and_on_its_day(invoice, day):
    live(day, [0, 6, 7, 8, 13, 14, 27, 28, 34, 35, 36, 59])
    assert steps() == [
        ("reminder", 1, 7),
        ("reminder", 2, 14),
        ("reminder", 3, 28),
        ("warning", 1, 35),
    ]
    verbs = AuditEvent.objects.filter(verb__in=("invoice.remind", "invoice.warn"))
    assert verbs.count() == 4


def test_several_times_a_day_is_once(invoice, day):
    live(day, [7, 7, 7])
    assert steps() == [("reminder", 1, 7)]
    with pytest.raises(IntegrityError), transaction.atomic():
        DunningStep.objects.create(invoice=invoice, kind="reminder", level=1, left=1)


def test_what_was_missed_comes_with_its_distance(invoice, day):
    live(day, [90, 96, 97, 110, 111, 112, 130])
    assert [days for *_, days in steps()] == [90, 97, 111, 112]


def test_who_has_paid_hears_nothing(invoice, day):
    live(day, [7])
    pay(invoice)
    live(day, [14, 28, 35])
    assert steps() == [("reminder", 1, 7)]


def test_a_part_that_is_left_is_reminded_of(invoice, day):
    pay(invoice, "151.77")
    live(day, [7])
    assert DunningStep.objects.get().left == Decimal("0.01")


def test_the_dry_list_says_what_will_happen(invoice, day):
    day(3)
    assert dunning.planned(SYSTEM) == [(invoice, Planned("reminder", 1, after(7)))]
    with pytest.raises(NotPermitted):
        dunning.planned(make_owner(invoice.organisation.projects.first()))
    assert not DunningStep.objects.exists()


# -- mails -----------------------------------------------------------------------------------------


def test_the_address_for_invoices_hears_it_in_the_buyers_language(invoice, day):
    known(invoice)
    live(day, [7, 8, 9])
    (sent,) = mail.outbox
    assert sent.to == ["rechnung@deichbau.example"]
    assert sent.subject == "Rechnung 2026-000001: Zahlungserinnerung · Polder Cloud"
    for part in ("151,78", "18. November 2026", "DE89370400440532013000", "2026-000001"):
        assert part in sent.body
    assert sent.extra_headers["Message-ID"].startswith(f"<{invoice.public_id}.reminder.1@")


def test_members_who_may_see_invoices_hear_it_in_their_own(invoice, day):
    project = invoice.organisation.projects.first()
    billing = make_member(project, Role.BILLING)
    make_member(project, Role.VIEWER)
    live(day, [7])
    entry = OutboxEntry.objects.get(kind="invoice.reminder")
    fan_out(entry.pk)
    assert set(Mailing.objects.values_list("user", flat=True)) == {billing.pk}
    assert Notification.objects.count() == 1
    words = words_of(entry)
    assert words.title == "Invoice 2026-000001: a reminder"
    assert "151.78" in words.body
    assert words.path == f"/costs/invoices/{invoice.number}/"


def test_an_address_that_is_a_members_is_not_told_twice(invoice, day):
    member = make_member(invoice.organisation.projects.first(), Role.BILLING)
    known(invoice, member.email)
    live(day, [7])
    assert mail.outbox == []
    assert DunningStep.objects.get().mailed_at


def test_a_mail_that_is_not_taken_is_sent_later(invoice, day, monkeypatch):
    def broken(*_args, **_named):
        raise Unavailable("The mail server is away.")

    known(invoice)
    with monkeypatch.context() as patch:
        patch.setattr(dunning_mail.mail, "send", broken)
        live(day, [7])
    assert DunningStep.objects.get().mailed_at is None
    live(day, [7, 7])
    assert len(mail.outbox) == 1


def test_what_is_paid_while_its_mail_waits_is_not_reminded_of(invoice, day, monkeypatch):
    def broken(*_args, **_named):
        raise Unavailable("The mail server is away.")

    known(invoice)
    with monkeypatch.context() as patch:
        patch.setattr(dunning_mail.mail, "send", broken)
        live(day, [7])
    pay(invoice)
    dunning_mail.send_waiting()
    assert mail.outbox == []
    assert DunningStep.objects.get().mailed_at


@pytest.mark.parametrize("kind", ["reminder", "warning", "suspension"])
@pytest.mark.parametrize("level", [1, 2])
def test_every_step_has_words(kind, level):
    from billing.dunning.texts import body, title

    params = {"number": "2026-000001", "level": level, "left": "1.00", "currency": "EUR"}
    full = {**params, "due_on": "2026-11-18", "acts_on": "2026-12-30"}
    assert "2026-000001" in title(kind, full)
    assert "1.00" in body(kind, full)
    assert "…" in body(kind, {})


# -- suspension ------------------------------------------------------------------------------------


def of(invoice):
    return Organisation.objects.get(pk=invoice.organisation_id)


def test_staff_suspends_whom_was_warned_in_time(invoice, day):
    live(day, WARNED)
    with pytest.raises(Conflict, match="not to be suspended"):
        suspension.suspend(actor=make_staff(), organisation=of(invoice))
    day(42)
    assert suspension.to_suspend(SYSTEM) == [(of(invoice), invoice)]
    tasks.dun()
    assert of(invoice).suspended_at is None
    suspension.suspend(actor=make_staff(), organisation=of(invoice))
    assert of(invoice).suspended_at == clock.now()
    assert suspension.to_suspend(SYSTEM) == []
    assert AuditEvent.objects.get(verb="organisation.suspend").reason.endswith("is not paid.")
    assert OutboxEntry.objects.filter(kind="invoice.suspension").count() == 1


def test_members_do_not_suspend(invoice, day):
    live(day, [*WARNED, 42])
    with pytest.raises(NotPermitted):
        suspension.suspend(
            actor=make_owner(invoice.organisation.projects.first()), organisation=of(invoice)
        )


def test_by_itself_where_the_setting_wants_it(invoice, day, settings):
    settings.POLDER_SUSPEND = "automatic"
    known(invoice)
    live(day, [*WARNED, 42, 43])
    assert of(invoice).suspended_at
    assert steps()[-2:] == [("warning", 1, 35), ("suspension", 1, 42)]
    assert [len(mail.outbox), mail.outbox[-1].to] == [5, ["rechnung@deichbau.example"]]


def test_never_where_the_setting_says_so(invoice, day, settings):
    settings.POLDER_SUSPEND = "never"
    live(day, [*WARNED, 42, 59])
    assert [kind for kind, *_ in steps()] == ["reminder"] * 3


def test_it_is_lifted_at_the_payment_of_all_that_was_warned_of(invoice, day, settings):
    settings.POLDER_SUSPEND = "automatic"
    second = made(organisation=invoice.organisation, month=date(2026, 9, 1))
    live(day, [*WARNED, 42])
    pay(invoice)
    assert of(invoice).suspended_at
    pay(second)
    assert of(invoice).suspended_at is None
    lifted = DunningStep.objects.get(kind="suspension")
    assert lifted.lifted_at == clock.now()
    assert AuditEvent.objects.get(verb="organisation.lift_suspension").actor_kind == "system"


def test_what_was_suspended_for_another_reason_stays(invoice, day, settings):
    settings.POLDER_SUSPEND = "automatic"
    live(day, [*WARNED, 42])
    staff = make_staff()
    lift_suspension(actor=staff, organisation=of(invoice), reason="By phone.")
    day(44)
    suspend_organisation(actor=staff, organisation=of(invoice), reason="Abuse.")
    pay(invoice)
    assert of(invoice).suspended_at == clock.now()


def test_who_is_suspended_already_is_left(invoice, day, settings):
    settings.POLDER_SUSPEND = "automatic"
    suspend_organisation(actor=make_staff(), organisation=of(invoice), reason="Abuse.")
    live(day, [*WARNED, 42, 49])
    assert not DunningStep.objects.filter(kind="suspension").exists()
