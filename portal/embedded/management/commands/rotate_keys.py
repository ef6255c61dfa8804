"""`manage.py rotate-keys`: a new key for stored secrets. (The dash becomes the module's name in
manage.py.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal.embedded import keys, refusal


class Command(BaseCommand):
    help = (
        "Makes a new key, writes every stored secret under it and drops the old keys. A running "
        "copy of `manage.py up` restarts its web, worker and beat twice meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keep", action="store_true", help="keep the old keys in the list")
        parser.add_argument(
            "--rewrite",
            action="store_true",
            help="only write every secret under the first key of POLDER_SECRET_KEYS",
        )

    def handle(self, *, keep: bool, rewrite: bool, **_: Any) -> None:
        refusal.run(lambda: self._rotate(keep, rewrite))

    def _rotate(self, keep: bool, rewrite: bool) -> None:
        home = Path(settings.POLDER_HOME)
        count = keys.rewrite() if rewrite else keys.rotate(home, keep=keep)
        self.stdout.write(f"{count} secrets are stored under the newest key.")
        if not rewrite:
            self.stdout.write(
                "Processes of Polder on other machines need the new POLDER_SECRET_KEYS of "
                f"{home / 'environment'} and a restart. Make a new backup: older ones need the "
                "keys that they hold."
            )
