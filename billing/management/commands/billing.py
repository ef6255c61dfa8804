"""`manage.py billing meter|rate|invoice|advise|verify`: the steps of the money's round by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import cycle
from billing.advice import keeping
from billing.costs import sums
from billing.invoices import invoicing
from billing.models import InvoiceRun
from billing.month_end import oversight as month_end
from billing.month_end import runs
from billing.rating import months as rating
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict


class Command(BaseCommand):
    help = "Meters, rates and invoices a calendar month; verifies what was issued."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        for step, text in (
            ("meter", "Work out all usage records of a month from what happened."),
            ("rate", "Work out all cost lines of a month from its usage records."),
        ):
            one = steps.add_parser(step, help=text)
            one.add_argument("--month", type=_month, help="YYYY-MM (UTC), this month if left out")
        invoice = steps.add_parser("invoice", help="Write the invoices of a month as drafts.")
        invoice.add_argument("--month", type=_month, required=True, help="YYYY-MM (UTC)")
        invoice.add_argument("--issue", action="store_true", help="Issue them, too.")
        steps.add_parser("advise", help="Work out what could cost less.")
        steps.add_parser("verify", help="Check all that was issued, and all sums of costs.")

    def handle(self, *args: Any, step: str, **options: Any) -> None:
        if step == "verify":
            self._verify()
        elif step == "advise":
            self.stdout.write(f"{keeping.find_advice()} pieces of advice are open.")
        elif step == "invoice":
            self._invoice(options["month"], options["issue"])
        else:
            self._again(step, options["month"] or clock.now().date().replace(day=1))

    def _invoice(self, month: date, issue: bool) -> None:
        try:
            kind = InvoiceRun.Kind.ISSUE if issue else InvoiceRun.Kind.DRAFT
            found = runs.run(actor=SYSTEM, month=month, kind=kind)
        except Conflict as error:
            raise CommandError(f"{error.text} {error.hint}".strip()) from error
        self.stdout.write(f"{month:%Y-%m}: {found.drafted} drafted, {found.issued} issued.")
        for slug, why in found.held_up.items():
            self.stdout.write(f"{slug}: {month_end.reason(why)}")
        if found.state == InvoiceRun.State.FAILED:
            raise CommandError("Usage and costs could not be worked out; the log says why.")
        if found.held_up:
            raise CommandError(f"{len(found.held_up)} organisations have no invoice yet.")

    def _verify(self) -> None:
        if found := invoicing.verify():
            lines = [f"{one.series}-{one.sequence:06d}: {one.what}" for one in found]
            raise CommandError("\n".join(lines))
        self.stdout.write("Every number is there, and every document is what was issued.")
        if wrong := sums.unequal(date.min):
            lines = [f"{one.organisation} {one.month:%Y-%m}: {one.table}" for one in wrong]
            raise CommandError("\n".join(["Sums are not those of their cost lines:", *lines]))
        self.stdout.write("Every sum is that of its cost lines.")

    def _again(self, step: str, chosen: date) -> None:
        if chosen > clock.now().date():
            raise CommandError(f"{chosen:%Y-%m} has not begun.")
        if step == "meter":
            metered = cycle.meter_month(chosen)
            text = f"{metered.records} usage records changed, {metered.months} months became due"
        else:
            rated = rating.rate(chosen)
            text = f"{rated.lines} cost lines in {rated.months} organisation-months"
        self.stdout.write(f"{chosen:%Y-%m}: {text}.")


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise CommandError(f"Write the month as YYYY-MM, not “{text}”.") from error
