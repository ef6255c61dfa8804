"""Runs that begin by themselves, go on where they stopped, and are watched by staff."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from psycopg import connect

from billing import tasks
from billing.invoices import invoicing
from billing.metering import records as metering
from billing.models import Invoice, InvoiceRun, RatedMonth
from billing.month_end import oversight as month_end
from billing.month_end import runs
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, NotPermitted
from services.instances.models import InstanceEvent
from tests.billing.einvoice.test_drafting import MONTH, a_provider, known, organisation
from tests.makers import (
    make_instance,
    make_organisation,
    make_owner,
    make_project,
    make_staff,
    make_user,
    signed_in,
)

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,  # a month of three organisations each time
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider"),
]
PAGE = "/staff/invoice-runs/"


@pytest.fixture
def several(organisation):
    """Three organisations with costs, two of whom can be invoiced."""
    region = organisation.projects.first().instances.first().region
    others = [make_instance(make_project(), region, plan="single-2x8") for _ in range(2)]
    at = datetime(2026, 10, 1, tzinfo=UTC)
    for instance in others:
        InstanceEvent.objects.filter(instance=instance).update(at=at)
        instance.created_at = at
        instance.save()
    metering.meter(MONTH)
    runs.rating.rate(MONTH)
    known(organisation)
    known(others[0].project.organisation)
    return [organisation, *(one.project.organisation for one in others)]


def begin(kind="draft"):
    return runs.begin_run(actor=SYSTEM, month=MONTH, kind=kind)


def test_a_run_that_was_killed_goes_on_where_it_stopped(several, monkeypatch):
    row, drafted = begin(), []
    draft = invoicing.draft

    def killed(organisation, month):
        drafted.append(organisation)
        if len(drafted) == 2:
            raise SystemExit
        return draft(organisation, month)

    with monkeypatch.context() as patch:
        patch.setattr(invoicing, "draft", killed)
        with pytest.raises(SystemExit):
            runs.advance(row)
    row = InvoiceRun.objects.get()
    assert (row.state, row.done, row.of, row.drafted) == ("running", 1, 3, 1)
    runs.advance(row)
    row.refresh_from_db()
    assert (row.state, row.done, row.drafted, len(row.held_up)) == ("done", 3, 2, 1)
    assert Invoice.objects.count() == 2


def test_what_was_issued_by_a_worker_that_was_killed_is_counted(several, monkeypatch):
    ticks = itertools.count()
    begun = datetime(2026, 11, 4, 1, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: begun + timedelta(seconds=next(ticks)))
    monkeypatch.setattr(invoicing, "issue", invoicing.seal)
    row = begin("issue")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_files", killed)
        with pytest.raises(SystemExit):
            runs.advance(row)
    row.refresh_from_db()
    assert (row.done, row.issued) == (0, 0)
    monkeypatch.setattr(runs, "write_files", lambda invoice: None)
    runs.advance(row)
    assert (row.done, row.drafted, row.issued) == (3, 2, 2)
    assert Invoice.objects.filter(status="issued").count() == 2


def killed(invoice):
    raise SystemExit


def test_turns_are_short(several):
    row = begin()
    assert runs.advance(row, seconds=0)
    assert (row.state, row.done) == ("running", 0)


def test_two_workers_do_not_take_the_same_run(several):
    row = begin()
    key = runs._LOCK | 202610
    told, names = connection.get_connection_params(), ("host", "port", "user", "password", "dbname")
    named = {name: told[name] for name in names if name in told}
    with connect(**named) as other:
        other.execute("select pg_advisory_lock(%s)", [key])
        assert not runs.advance(row)
        assert row.state == "waiting"
        with pytest.raises(Conflict, match="worker is at"):
            runs.run(actor=SYSTEM, month=MONTH, kind="draft")
        other.execute("select pg_advisory_unlock(%s)", [key])  # closing alone takes its time
    assert not runs.advance(row)
    assert row.state == "done"


def test_one_run_of_a_month_at_a_time(several):
    begin()
    with pytest.raises(Conflict, match="under way"):
        begin()


def test_one_invoice_that_breaks_stops_no_other(several, monkeypatch):
    draft = invoicing.draft

    def broken(organisation, month):
        if organisation == several[0]:
            raise RuntimeError("no bug of ours")
        return draft(organisation, month)

    monkeypatch.setattr(invoicing, "draft", broken)
    row = runs.run(actor=SYSTEM, month=MONTH, kind="draft")
    assert row.drafted == 1
    assert row.held_up[several[0].slug] == {"why": "broken"}
    reasons = {one.organisation: one.reason for one in month_end.held_up(row)}
    assert "its log says why" in reasons[several[0]]


def test_what_cannot_be_worked_out_stops_the_run_and_is_told(several, monkeypatch):
    def broken(month):
        raise RuntimeError("no bug of ours")

    monkeypatch.setattr(metering, "meter", broken)
    row = runs.run(actor=SYSTEM, month=MONTH, kind="draft")
    assert (row.state, row.is_open) == ("failed", False)
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("day", "kinds"), [(1, ["draft"]), (3, ["draft"]), (4, ["issue"]), (30, ["issue"])]
)
def test_runs_begin_by_themselves(several, monkeypatch, day, kinds):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, day, 0, 1, tzinfo=UTC))
    assert [row.kind for row in runs.begin_due()] == kinds
    assert runs.begin_due() == []


def test_whoever_is_held_up_is_tried_again_each_day(several, monkeypatch, hints):
    tasks.invoice_runs()
    assert hints.count(runs.TASK) == 1  # and one on commit, which a test never reaches
    tasks.advance_invoice_run(InvoiceRun.objects.get().pk)
    assert InvoiceRun.objects.get().state == "done"
    tasks.invoice_runs()
    assert InvoiceRun.objects.count() == 1
    tomorrow = clock.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    tasks.invoice_runs()
    assert InvoiceRun.objects.count() == 2


def test_a_month_that_is_free_asks_for_no_run(organisation):
    runs.CostLine.objects.update(tier=0)
    assert runs.begin_due() == []


def test_a_month_that_is_free_closes_with_the_invoices(organisation, several, monkeypatch):
    free = make_organisation()
    left = RatedMonth.objects.create(organisation=free, month=MONTH)
    late = RatedMonth.objects.create(organisation=make_organisation(), month=MONTH)
    runs.run(actor=SYSTEM, month=MONTH, kind="draft")
    left.refresh_from_db()
    assert left.closed_at is None
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    RatedMonth.objects.filter(pk=late.pk).update(due_since=clock.now())
    monkeypatch.setattr(invoicing, "issue", refused)
    monkeypatch.setattr(runs.rating, "rate", lambda month: None)
    runs.run(actor=SYSTEM, month=MONTH, kind="issue")
    left.refresh_from_db()
    late.refresh_from_db()
    assert left.closed_at == clock.now()
    assert late.closed_at is None
    assert not RatedMonth.objects.filter(organisation__in=several, closed_at__isnull=False).exists()


def refused(*, actor, invoice):
    raise Conflict("Not today.")


def test_who_is_not_of_the_staff_begins_nothing(organisation):
    with pytest.raises(NotPermitted):
        runs.begin_run(actor=make_owner(organisation.projects.first()), month=MONTH, kind="draft")


def test_a_run_by_hand_says_by_whom(several):
    staff = make_staff()
    row = runs.begin_run(actor=staff, month=MONTH, kind="draft")
    runs.advance(row)
    assert str(row.by_id) == staff.id
    verbs = AuditEvent.objects.filter(chain="provider").order_by("sequence")
    assert [event.verb for event in verbs] == ["invoice_run.begin", "invoice_run.end"]


# -- the page --------------------------------------------------------------------------------------


@pytest.fixture
def staff(client, plain_static):
    return signed_in(client, make_user(is_staff=True))


def test_without_a_month_the_page_says_when_the_first_comes(staff):
    assert "No month is over yet" in staff.get(PAGE).content.decode()


def test_the_page_counts_down_and_begins_a_run(staff, several):
    text = staff.get(PAGE).content.decode()
    assert "The grace for late usage ends in" in text
    assert "Issue the invoices" not in text
    answer = staff.post(PAGE, {"month": "2026-10", "kind": "draft"}, follow=True)
    assert "Waits for a worker" in answer.content.decode()
    assert 'hx-trigger="every 2s"' in answer.content.decode()


def test_the_page_stops_by_itself_and_names_who_is_held_up(staff, several):
    runs.run(actor=SYSTEM, month=MONTH, kind="draft")
    text = staff.get(PAGE, {"month": "2026-10"}, headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" not in text
    assert "<html" not in text
    assert "3 of 3 organisations: 2 drafted, 0 issued, 1 held up." in text
    assert f"/staff/organisations/{several[2].slug}/billing/" in text
    assert "billing details are missing" in text


def test_the_first_page_of_staff_counts_them(staff, several):
    assert "held up" not in staff.get("/staff/").content.decode()
    for _again in range(2):
        runs.run(actor=SYSTEM, month=MONTH, kind="draft")
    assert "1 invoice is held up" in staff.get("/staff/").content.decode()


def test_too_early_is_told(staff, several):
    answer = staff.post(PAGE, {"month": "2026-10", "kind": "issue"})
    assert answer.status_code == 422
    assert "may arrive until" in answer.content.decode()


@pytest.mark.parametrize("sent", [{"month": "2026-10", "kind": "all"}, {}])
def test_what_cannot_be_read_is_told(staff, several, sent):
    assert staff.post(PAGE, sent).status_code == 422


def test_sums_of_the_month_are_those_of_its_invoices(several):
    found = month_end.month_end(make_staff(), MONTH)
    assert (found.organisations, found.unbilled, found.drafts) == (3, 3, 0)
    row = runs.run(actor=SYSTEM, month=MONTH, kind="draft")
    assert row.drafted == 2
    found = month_end.month_end(make_staff(), MONTH)
    assert (found.drafts, found.net) == (2, sum(i.net for i in Invoice.objects.all()))
    assert found.month == date(2026, 10, 1)
