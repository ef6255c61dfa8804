"""A world with a story of money: four months of a customer with ten services, and of others beside
it. What furnish.py makes as nasty as can be, this makes as it would be, with sums that add up.

The story ends on `NOW`, so whoever looks at it stops the clock there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings

from billing.models import Invoice
from billing.payments import actions as payments
from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Role
from services.backends.fake import FakeBackend
from services.instances import probe_days
from services.instances.models import Instance, ProbeDay
from services.probes.minutes import WINDOWS, Window
from services.regions.models import Region
from tests.makers import (
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_region,
    make_user,
)

NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
AUGUST, SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (8, 9, 10, 11))
PROVIDER = {
    "legal_name": "Polder Cloud GmbH",
    "street": "Deichstraße 1",
    "postcode": "20459",
    "city": "Hamburg",
    "vat_id": "DE811569869",
    "registration": "HRB 123456",
    "iban": "DE89370400440532013000",
    "bic": "COBADEFFXXX",
    "contact_name": "Billing",
    "contact_phone": "+49 40 123456",
    "contact_email": "billing@polder.example",
    "electronic_address": "9930:DE811569869",
}


@dataclass
class Rich:
    """`services` are those of the customer by name; `people` its members by role, and staff."""

    organisation: Organisation
    shop: Project
    data: Project
    north: Region
    south: Region
    fake: FakeBackend
    people: dict[Any, User] = field(default_factory=dict)
    services: dict[str, Instance] = field(default_factory=dict)
    _moment: datetime = NOW

    def at(self, month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
        """Puts the clock there, in 2026."""
        self._moment = datetime(2026, month, day, hour, minute, tzinfo=UTC)
        return self._moment

    def now(self) -> datetime:
        return self._moment


@contextmanager
def stopped_clock(rich: Rich) -> Iterator[None]:
    """The clock of the application shows what the story says; the provider is in Germany."""
    with (
        pytest.MonkeyPatch.context() as patch,
        override_settings(
            POLDER_PROVIDER=PROVIDER, POLDER_PROVIDER_COUNTRY="DE", POLDER_FREE_TIER=True
        ),
    ):
        patch.setattr(clock, "now", rich.now)
        yield


def begin(fake: FakeBackend) -> Rich:
    """Who is there, before anything happens."""
    organisation = make_organisation("deichbau", name="Deichbau Nord")
    shop = make_project(organisation, "webshop")
    data = make_project(organisation, "analytics")
    rich = Rich(
        organisation,
        shop,
        data,
        make_region("fra1", name="Frankfurt", country="DE"),
        make_region("par2", name="Paris", country="FR"),
        fake,
    )
    for role in Role:
        name = f"{role.value.title()} of Deichbau"
        user = make_user(f"{role.value}@deichbau.example", name=name)
        rich.people[role] = make_member(shop, role, user=user)
    rich.people["staff"] = make_user(
        "staff@polder.example", name="Provider's staff", is_staff=True, is_superuser=True
    )
    return rich


def begun(
    rich: Rich,
    project: Project,
    region: Any,
    owner: Actor,
    name: str,
    offering: str,
    plan: str,
    tags: dict[str, str],
) -> Instance:
    made = make_instance(
        project, region, name=name, actor=owner, offering=offering, plan=plan, tags=tags
    )
    Instance.objects.filter(pk=made.pk).update(created_at=rich.now())
    made.created_at = rich.now()
    return made


def probed(rich: Rich, name: str, month: date, days: int, bad: dict[int, int]) -> None:
    """The first days of a month, all of their minutes known and good, but for so many from 06:40
    of each day in `bad`.
    """
    instance = rich.services[name]
    first = month + timedelta(days=max(0, (instance.created_at.date() - month).days))
    found = [first + timedelta(days=n) for n in range((month + timedelta(days=days) - first).days)]
    rows = [
        ProbeDay(
            instance=instance,
            day=day,
            known=(1 << 1440) - 1,
            bad=((1 << bad.get(day.day, 0)) - 1) << 400,
            latency=(31).to_bytes(2, "big") * WINDOWS,
        )
        for day in found
    ]
    ProbeDay.objects.bulk_create(rows)
    sums = [Window(instance.pk, day, 0, (0,), (), 31) for day in found]
    probe_days.add(sums, region=instance.region_id)


def invoice_of(rich: Rich, month: date, slug: str = "deichbau") -> Invoice:
    return Invoice.objects.get(organisation__slug=slug, month=month, kind="380")


def pay(rich: Rich, month: date, share: Decimal = Decimal(1)) -> None:
    invoice = invoice_of(rich, month)
    payments.record_payment(
        actor=SYSTEM,
        invoice=invoice,
        amount=round(invoice.gross * share, 2),
        received_on=rich.now().date(),
        reference=str(invoice.number),
    )
