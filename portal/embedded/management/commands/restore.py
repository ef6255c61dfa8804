"""`manage.py restore FILE`: makes this copy what a backup holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal.embedded import archive, refusal
from portal.embedded.screen import Screen


class Command(BaseCommand):
    help = (
        "Fills an empty copy from FILE. Refuses while Polder runs here, and a database that holds "
        "something unless --force. Services are neither made nor deleted by it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--force", action="store_true", help="replace what the database holds")

    def handle(self, *, file: Path, force: bool, **_: Any) -> None:
        refusal.run(lambda: self._restore(file.absolute(), force))

    def _restore(self, file: Path, force: bool) -> None:
        unknown = archive.restore(file, Screen(sys.stderr), force=force)
        self.stdout.write(f"Restored. Start Polder with `make run`; data: {settings.POLDER_HOME}.")
        if unknown:
            self.stdout.write(
                "These services lie on this machine, but the backup does not know them. Nothing "
                f"was deleted: {', '.join(unknown)}"
            )
