"""`manage.py billing meter|rate`: the steps of the hourly round by hand, for one calendar month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import cycle, rating
from portal.kernel import clock


class Command(BaseCommand):
    help = "Meters and rates a calendar month again. What is closed stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        for step, text in (
            ("meter", "Work out all usage records of a month from what happened."),
            ("rate", "Work out all cost lines of a month from its usage records."),
        ):
            one = steps.add_parser(step, help=text)
            one.add_argument("--month", type=_month, help="YYYY-MM (UTC), this month if left out")

    def handle(self, *args: Any, step: str, month: date | None, **options: Any) -> None:
        chosen = month or clock.now().date().replace(day=1)
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
