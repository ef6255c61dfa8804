"""`manage.py load_prices`: the price files into the database."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.pricebook.files import FOLDER
from billing.pricebook.loading import load_prices


class Command(BaseCommand):
    help = "Loads the price files and says what changed. Run it after every upgrade."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--directory",
            type=Path,
            default=FOLDER,
            help="where the files are, instead of billing/prices",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="write nothing; fail when the database does not hold what the files say",
        )

    def handle(self, *, directory: Path, check: bool, **_: Any) -> None:
        try:
            loaded = load_prices(directory, write=not check)
        except ValueError as error:
            raise CommandError(f"The price files were not loaded. {error}") from error
        self.stdout.write(
            f"Prices: {loaded.added} added, {loaded.changed} changed, "
            f"{loaded.withdrawn} withdrawn, {loaded.same} as they were. "
            f"Factors of spare capacity: {loaded.factors} added."
        )
        if check and not loaded.is_current:
            raise CommandError("Run manage.py load_prices.")
