"""Numbers without a gap, a chain that tells of every change, and a database that refuses them."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from billing.invoices import invoicing
from billing.models import Invoice, InvoiceSeries
from portal.audit.models import AuditEvent
from portal.kernel import ids
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict
from tests.billing.numbers.made import asked
from tests.makers import make_organisation

pytestmark = pytest.mark.django_db


class Abort(Exception):
    """A transaction that does not come through."""


def draft(organisation=None, **fields):
    return Invoice.objects.create(
        public_id=ids.public_id("in"),
        organisation=organisation or make_organisation(),
        month=date(2026, 10, 1),
        document={"lines": [{"name": "vCPU", "net": "12.30"}]},
        gross="14.64",
        **fields,
    )


def issued():
    return invoicing.seal(actor=SYSTEM, invoice=draft())


def test_numbers_follow_each_other_and_so_do_hashes():
    first, second = issued(), issued()
    year = f"{first.issued_at:%Y}"
    assert (first.number, second.number) == (f"{year}-000001", f"{year}-000002")
    assert (first.previous_hash, second.previous_hash) == ("", first.hash)
    assert second.document["number"] == second.number
    assert invoicing.verify() == []


def test_issuing_is_in_the_audit_log():
    made = issued()
    event = AuditEvent.objects.get(verb="invoice.issue")
    assert event.target == made.number


def test_what_is_issued_is_not_issued_again():
    made = issued()
    with pytest.raises(Conflict, match=made.number):
        invoicing.seal(actor=SYSTEM, invoice=made)


def test_a_transaction_that_fails_gives_its_number_back():
    issued()
    with suppress(Abort), transaction.atomic():
        issued()
        raise Abort
    assert issued().sequence == 2
    assert invoicing.verify() == []


@contextmanager
def refused():
    with pytest.raises(DatabaseError, match=r"cannot be changed|one by one"), transaction.atomic():
        yield


def test_the_database_refuses_to_change_or_delete_what_is_issued():
    made = issued()
    with refused():
        Invoice.objects.filter(pk=made.pk).update(gross="0.01")
    with refused():
        Invoice.objects.filter(pk=made.pk).update(status="draft", number=None)
    with refused():
        Invoice.objects.filter(pk=made.pk).delete()
    with refused():
        InvoiceSeries.objects.update(next=1)
    with refused():
        InvoiceSeries.objects.filter(pk=made.series_id)._raw_delete("default")
    kept = Invoice.objects.get(pk=made.pk)
    assert kept.document == made.document


def test_a_draft_may_change_and_go():
    made = draft()
    Invoice.objects.filter(pk=made.pk).update(gross="1.00")
    made.delete()
    assert Invoice.objects.count() == 0


@contextmanager
def around_the_database():
    """As somebody would who holds the database itself."""
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute("alter table billing_invoice disable trigger keep_issued")
        yield
        cursor.execute("alter table billing_invoice enable trigger keep_issued")


def test_a_changed_document_breaks_the_chain():
    issued()
    made = issued()
    with around_the_database():
        Invoice.objects.filter(pk=made.pk).update(document={**made.document, "net": "0"})
    assert [(b.sequence, b.what) for b in invoicing.verify()] == [(2, "it is not what was issued")]


@pytest.mark.parametrize(("gone", "whats"), [(1, 2), (2, 2), (3, 1)])
def test_a_missing_document_breaks_the_chain(gone, whats):
    made = [issued() for _ in range(3)]
    with around_the_database():
        Invoice.objects.filter(pk=made[gone - 1].pk).delete()
    found = invoicing.verify()
    assert len(found) == whats
    assert "missing" in found[0].what


@pytest.mark.django_db(transaction=True)
def test_many_writers_of_whom_some_give_up_leave_no_gap():
    rng = random.Random(5)
    organisation = make_organisation()
    months = [date(2000 + n // 12, n % 12 + 1, 1) for n in range(asked("POLDER_INVOICES", 60))]
    for month in months:
        Invoice.objects.create(
            public_id=ids.public_id("in"), organisation=organisation, month=month
        )
    drafts = [(row, rng.random() < 0.2) for row in Invoice.objects.all()]

    def write(task):
        invoice, aborts = task
        try:
            with transaction.atomic():
                invoicing.seal(actor=SYSTEM, invoice=invoice)
                if aborts:
                    raise Abort
        except Abort:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(16) as pool:
        done = sum(pool.map(write, drafts))
    numbers = Invoice.objects.filter(status="issued").order_by("sequence")
    assert [row.sequence for row in numbers] == list(range(1, done + 1))
    assert 0 < done < len(months)
    assert invoicing.verify() == []
