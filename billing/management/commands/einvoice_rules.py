"""`manage.py einvoice_rules`: the rule files that invoices are judged by."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.einvoice import rules
from portal.kernel.errors import BackendError
from services.backends.process.engines import maven


class Command(BaseCommand):
    help = "Fetches the rules that invoices are judged by, unless they are there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--lock", action="store_true", help="for developers: lock the named versions anew"
        )

    def handle(self, *, lock: bool, **_: Any) -> None:
        if lock:
            self._lock()
        fresh = not rules.is_installed()
        if fresh:
            self.stdout.write("Fetching the rules of electronic invoices (12 MB, once) …")
        try:
            folder = rules.install()
        except (BackendError, OSError) as error:
            said = getattr(error, "detail", "") or error
            raise CommandError(
                f"The rules of electronic invoices could not be fetched: {said}\n"
                "Without them no invoice can be issued. Try again with `make einvoice-rules`; "
                "POLDER_MAVEN_REPOSITORY names a mirror."
            ) from error
        if fresh:
            self.stdout.write(f"They lie in {folder}.")

    def _lock(self) -> None:
        roots = json.loads(rules.LOCK.read_text())["roots"]
        content = {"schema": 1, "roots": roots, "artifacts": maven.lock(roots)}
        rules.LOCK.write_text(json.dumps(content, indent=1) + "\n")
