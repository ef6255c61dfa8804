"""`manage.py backup FILE`: Polder's database, keys and CA in one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.embedded import archive, refusal
from portal.embedded.screen import Screen


class Command(BaseCommand):
    help = (
        "Writes the portal's database, the keys and the CA into FILE (0600), whether Polder runs "
        "or not. The data of services is not in it. Keep the file secret: it holds the keys."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **_: Any) -> None:
        refusal.run(lambda: archive.back_up(file.absolute(), Screen(sys.stderr)))
        size = file.stat().st_size / 2**20
        self.stdout.write(f"{file}: {size:.1f} MB. It holds the keys: keep it secret.")
