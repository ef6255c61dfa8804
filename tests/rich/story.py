"""What happens in the rich world, in its order: services begin, are used, grow and fail; months are
closed, paid, reminded of, corrected and credited.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billing import cycle
from billing.commitments import actions as commitments
from billing.commitments.actions import Wanted
from billing.credits import vouchers
from billing.credits.vouchers import NewVoucher
from billing.identity import actions as identities
from billing.invoices import delivery
from billing.models import InvoiceRun
from billing.month_end import runs
from billing.usage import ingestion
from billing.usage.cloudevents import Reported
from portal.accounts.models import User
from portal.kernel.actor import SYSTEM, Actor
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Role
from services.backends.fake import FakeBackend
from tests.makers import actor_for, make_member, make_organisation, make_project, make_user
from tests.rich.november import november
from tests.rich.world import (
    AUGUST,
    NOW,
    OCTOBER,
    Rich,
    begin,
    begun,
    pay,
    probed,
    stopped_clock,
)

# name: (project, region, offering, plan, first day, tags)
_SERVICES: dict[str, tuple[str, str, str, str, tuple[int, int], dict[str, str]]] = {
    "orders-db": ("shop", "north", "postgresql", "ha-2x8", (8, 3), {"team": "shop"}),
    "sessions": ("shop", "north", "redis", "single-2x4", (8, 3), {"team": "shop"}),
    "search": ("shop", "north", "opensearch", "ha-2x8", (8, 10), {"team": "search"}),
    "events": ("shop", "north", "kafka", "single-2x8", (8, 17), {"team": "platform"}),
    "jobs": ("shop", "south", "rabbitmq", "single-2x4", (8, 17), {"team": "platform"}),
    "pictures": ("shop", "south", "object-storage", "single-2x4", (8, 3), {}),
    "warehouse": ("data", "north", "postgresql", "single-4x16", (9, 7), {"team": "data"}),
    "sensors": ("data", "south", "influxdb", "single-2x8", (9, 7), {"team": "data"}),
    "reports": ("data", "north", "mariadb", "single-2x8", (9, 21), {"team": "data"}),
    "platform": ("data", "north", "kubernetes", "single-2x8", (10, 5), {"team": "platform"}),
    "staging-db": ("shop", "north", "postgresql", "single-2x8", (10, 12), {"env": "staging"}),
}
_BUYER = {
    "kind": "business",
    "legal_name": "Deichbau Nord GmbH",
    "street": "Am Deich 7",
    "postcode": "20095",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "DE136695976",
    "invoice_email": "rechnung@deichbau.example",
}
_WORKS = {
    **_BUYER,
    "legal_name": "Nordsee Werke GmbH",
    "vat_id": "DE129273398",
    "invoice_email": "konto@nordsee.example",
}
# Abroad, with a VAT id that nobody has confirmed: no invoice can be issued.
_FERRIES = {
    **_BUYER,
    "legal_name": "Donau Fähren GmbH",
    "postcode": "1010",
    "city": "Wien",
    "country": "AT",
    "vat_id": "ATU13585627",
    "invoice_email": "rechnung@donau.example",
}


@contextmanager
def told(fake: FakeBackend) -> Iterator[Rich]:
    """The whole of it, and the clock stopped at its end. Needs prices, the fake backend, and the
    rules of e-invoices where invoices are to have their files.
    """
    rich = begin(fake)
    with stopped_clock(rich):
        _tell(rich)
        rich.at(NOW.month, NOW.day, NOW.hour)
        yield rich


def _tell(rich: Rich) -> None:
    owner = _autumn(rich)
    _next_to_it(rich)
    for month, day in ((9, 4), (10, 4), (11, 4)):
        _month_end(rich, month, day)
        if month == 9:
            pay(rich, AUGUST)
        if month == 10:
            _reserve(rich, owner)
    november(rich, owner)


def _autumn(rich: Rich) -> Actor:
    """Who the customer is, and its services as they begin."""
    rich.at(8, 3)
    owner = actor_for(rich.people[Role.OWNER])
    identities.update_identity(actor=owner, organisation=rich.organisation, values=_BUYER)
    _voucher(rich, rich.organisation, owner, "100.00")
    for name, (project, region, offering, plan, day, tags) in _SERVICES.items():
        rich.at(*day)
        rich.services[name] = begun(
            rich, getattr(rich, project), getattr(rich, region), owner, name, offering, plan, tags
        )
    for month in (8, 9, 10, 11):
        _egress(rich, month)
    return owner


def _egress(rich: Rich, month: int) -> None:
    """Traffic of two services each day, beyond what is free."""
    first = datetime(2026, month, 18 if month == 8 else 1, tzinfo=UTC)
    end = min(NOW, (first + timedelta(days=32)).replace(day=1))
    events = []
    while first + timedelta(hours=24) <= end:
        for name, gib in (("pictures", "93.5"), ("search", "21.125")):
            subject = rich.services[name].public_id
            events.append(
                Reported(
                    "edge/fra1",
                    f"{name}-{first:%F}",
                    subject,
                    "egress",
                    first,
                    first + timedelta(hours=24),
                    Decimal(gib),
                )
            )
        first += timedelta(days=1)
    rich.at(12, 1)
    taken = ingestion.keep_own(events)
    assert taken.accepted == len(events)


def _voucher(rich: Rich, organisation: Organisation, owner: Actor, amount: str) -> None:
    wanted = NewVoucher(
        amount=Decimal(amount),
        valid_until=date(2026, 12, 31),
        credit_until=date(2027, 6, 30),
        note="Welcome",
    )
    _made, code = vouchers.create_voucher(actor=SYSTEM, wanted=wanted)
    vouchers.redeem_voucher(actor=owner, organisation=organisation, code=code)


def _next_to_it(rich: Rich) -> None:
    """Who pays late, who has said too little to be billed, and who uses what is free."""
    for slug, name, values, plan in (
        ("nordsee", "Nordsee Werke", _WORKS, "ha-2x8"),
        ("donau", "Donau Fähren", _FERRIES, "single-2x8"),
        ("kueste", "Küste e. V.", None, "dev-1x1"),
    ):
        rich.at(8, 20)
        organisation = make_organisation(slug, name=name)
        project = make_project(organisation, f"{slug}-main")
        person = make_user(f"owner@{slug}.example", name=f"Owner of {name}")
        owner = actor_for(make_member(project, Role.OWNER, user=person))
        rich.people[slug] = User.objects.get(pk=person.pk)
        if values:
            identities.update_identity(actor=owner, organisation=organisation, values=values)
        made = begun(rich, project, rich.north, owner, f"{slug}-db", "postgresql", plan, {})
        rich.services[made.name] = made


def _month_end(rich: Rich, month: int, day: int) -> None:
    """The month before is metered, its promises measured, and its invoices issued."""
    rich.at(month, day)
    last = date(2026, month - 1, 1)
    for name in ("orders-db", "search", "sessions"):
        bad = {20: 190} if (name, last) == ("search", OCTOBER) else {}
        probed(rich, name, last, 29, bad)
    cycle.meter_month(last)
    cycle.meter_and_rate()
    runs.run(actor=SYSTEM, month=last, kind=InvoiceRun.Kind.ISSUE)
    delivery.send_waiting()


def _reserve(rich: Rich, owner: Actor) -> None:
    """A year of what runs always, and three years of a cache, half of it paid at once."""
    rich.at(10, 6)
    for wanted in (
        Wanted(term="1y", offering="postgresql", plan="single-4x16", pieces=1),
        Wanted(term="3y", offering="redis", plan="single-2x4", pieces=2, upfront_percent=50),
    ):
        commitments.purchase_commitment(actor=owner, organisation=rich.organisation, wanted=wanted)
