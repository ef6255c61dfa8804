"""`manage.py load_prices`: the price files into the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.loading import load_prices


class Command(BaseCommand):
    help = "Loads billing/prices/*.toml; says what was added. Run it after every upgrade."

    def handle(self, **_: Any) -> None:
        try:
            loaded = load_prices()
        except ValueError as error:
            raise CommandError(f"The price files were not loaded. {error}") from error
        self.stdout.write(
            f"Prices: {loaded.added} added, {loaded.changed} changed, {loaded.same} as they were."
        )
