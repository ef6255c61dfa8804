"""`manage.py up`: all of Polder on this machine, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.embedded import refusal, start
from portal.embedded.screen import Screen


class Command(BaseCommand):
    help = (
        "Starts database, broker, web, worker and beat under one supervisor, makes what is "
        "missing, and stays in the foreground. Ctrl-C stops everything."
    )
    requires_system_checks: list[str] = []  # the database is not there yet

    def handle(self, **_: Any) -> None:
        home = Path(settings.POLDER_HOME)
        screen = Screen()
        word = "starts" if (home / "static.stamp").exists() else "starts for the first time"
        screen.line(f"Polder {word}. Its data lies in {home}.")
        refusal.run(lambda: start.run(screen, with_demo=settings.POLDER_DEMO))
