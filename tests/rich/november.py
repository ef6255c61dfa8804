"""The month that runs in the rich world: money comes in, usage comes late, services change and
fail, budgets fill and files of costs are sent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from billing import cycle
from billing.advice import keeping
from billing.budgets import actions as budgets
from billing.budgets import evaluation
from billing.budgets.rules import Threshold
from billing.credit_notes import actions as credit_notes
from billing.dunning import steps as dunning
from billing.free_tier import watch
from billing.models import CostExport, CostUpload
from billing.orders import ordering
from billing.payments import bank_entries
from billing.sla import months
from billing.usage import ingestion
from billing.usage.cloudevents import Reported
from portal.console.actions import save_cost_view
from portal.kernel import crypto
from portal.kernel.actor import SYSTEM, Actor
from portal.status import actions as status
from services.instances import actions
from tests.billing.advice.days import measured
from tests.billing.payments.test_camt import entry, statement
from tests.makers import drive
from tests.rich.world import (
    NOVEMBER,
    NOW,
    OCTOBER,
    SEPTEMBER,
    Rich,
    begun,
    invoice_of,
    pay,
    probed,
)


def november(rich: Rich, owner: Actor) -> None:
    rich.at(11, 6)
    pay(rich, SEPTEMBER, Decimal("0.4"))
    credit_notes.credit_amount(
        actor=SYSTEM,
        invoice=invoice_of(rich, OCTOBER),
        amount=Decimal("12.50"),
        reason="Help with the move from the old cluster, as promised.",
    )
    _late_usage(rich)
    _changes(rich, owner)
    _away(rich)
    _budgets(rich, owner)
    _exports(rich)
    _money_in(rich)
    for day in range(20, 27):
        rich.at(11, day)
        dunning.run_due()
        cycle.meter_and_rate()
    rich.at(11, 26, 10)
    cycle.meter_month(NOVEMBER)
    cycle.meter_and_rate()
    for name in ("orders-db", "search", "sessions"):
        probed(rich, name, NOVEMBER, 25, {12: 75} if name == "orders-db" else {})
    months.settle_late()
    watch.watch()
    evaluation.evaluate()
    measured(rich.services["staging-db"], clients=0, until=rich.now())
    measured(rich.services["warehouse"], cpu=90, memory=900, until=rich.now())
    keeping.find_advice()
    cycle.meter_and_rate()


def _late_usage(rich: Rich) -> None:
    """Of October, when its invoice is out: a correction."""
    rich.at(11, 8)
    start = datetime(2026, 10, 30, tzinfo=UTC)
    late = Reported(
        "edge/par2",
        "late-1",
        rich.services["pictures"].public_id,
        "egress",
        start,
        start + timedelta(hours=24),
        Decimal(400),
    )
    taken = ingestion.keep_own([late])
    assert taken.late == 1
    cycle.meter_and_rate()


def _changes(rich: Rich, owner: Actor) -> None:
    """One grows, one is paused, one that is much too large runs for three days."""
    rich.at(11, 10)
    drive(ordering.change_order(actor=owner, instance=rich.services["events"], plan="single-4x16"))
    rich.at(11, 14)
    drive(actions.pause(actor=owner, instance=rich.services["jobs"]))
    rich.at(11, 19)
    name = "load-test"
    rich.services[name] = begun(
        rich, rich.shop, rich.north, owner, name, "postgresql", "ha-4x16", {"team": "shop"}
    )
    rich.at(11, 21)
    made = rich.services[name]
    actions.edit(actor=owner, instance=made, protected=False)
    made.refresh_from_db()
    drive(actions.delete(actor=owner, instance=made))


def _away(rich: Rich) -> None:
    """Work that was announced, and an incident that lost minutes."""
    rich.at(11, 5)
    status.schedule_maintenance(
        actor=SYSTEM,
        title="New switches in Frankfurt",
        text="Short interruptions.",
        starts_at=datetime(2026, 11, 17, 22, tzinfo=UTC),
        ends_at=datetime(2026, 11, 18, 0, tzinfo=UTC),
        regions=["fra1"],
    )
    rich.at(11, 12, 7)
    incident = status.open_incident(
        actor=SYSTEM,
        title="Slow disks in Frankfurt",
        text="Databases answer slowly or not at all.",
        impact="major",
        regions=["fra1"],
        families=["databases"],
        started_at=datetime(2026, 11, 12, 6, 40, tzinfo=UTC),
    )
    rich.at(11, 12, 8)
    status.resolve_incident(actor=SYSTEM, incident=incident, text="The controller is replaced.")


def _budgets(rich: Rich, owner: Actor) -> None:
    """One that is kept, one that is nearly used up, one that is beyond, one of a tag."""
    common = {"actor": owner, "organisation": rich.organisation}
    budgets.create_budget(name="Everything", amount=Decimal(2500), **common)
    budgets.create_budget(
        name="Webshop",
        amount=Decimal(700),
        project=rich.shop,
        thresholds=[Threshold("actual", 80, "notify"), Threshold("forecast", 100, "approve")],
        **common,
    )
    budgets.create_budget(
        name="Analytics", amount=Decimal(250), project=rich.data,
        thresholds=[Threshold("actual", 100, "block")], **common,
    )  # fmt: skip
    budgets.create_budget(name="Team data", amount=Decimal(420), tag=("team", "data"), **common)
    for name, query in (
        ("By team", "by=tag:team"),
        ("A year, with VAT", "period=month&basis=gross"),
    ):
        save_cost_view(actor=owner, project=rich.shop, name=name, query=query, is_shared=True)


def _exports(rich: Rich) -> None:
    """A bucket with days that were sent, and one that was not."""
    export = CostExport.objects.create(
        organisation=rich.organisation,
        endpoint="https://s3.par2.polder.example",
        region="par2",
        bucket="deichbau-costs",
        prefix="focus",
        access_key="POLDER00042",
        secret=crypto.encrypt(crypto.new_password()),
        created_by="owner@deichbau.example",
    )
    for ago in range(1, 9):
        day = NOW.date() - timedelta(days=ago)
        failed = ago == 3
        CostUpload.objects.create(
            export=export,
            day=day,
            state="failed" if failed else "sent",
            key=f"focus/2026-11/costs-{day:%F}.csv",
            rows=0 if failed else 1410 - 51 * ago,
            size=0 if failed else 812_345 - 31_000 * ago,
            attempts=5 if failed else 1,
            error="status" if failed else "",
            detail="403 AccessDenied" if failed else "",
            created_at=NOW - timedelta(days=ago - 1),
            finished_at=NOW - timedelta(days=ago - 1),
        )


def _money_in(rich: Rich) -> None:
    """What the bank told: one receipt that names its invoice, one that names nothing."""
    rich.at(11, 18)
    september = invoice_of(rich, SEPTEMBER, "nordsee")
    found = entry("120.00", payer="Nordsee Werke GmbH", text=f"Rechnung {september.number}")
    bank_entries.import_statement(actor=SYSTEM, content=statement(found))
    stray = entry("48.00", payer="Unbekannt", text="Danke", reference="REF-2")
    bank_entries.import_statement(actor=SYSTEM, content=statement(stray, name="S-2"))
