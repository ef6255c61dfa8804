"""`manage.py compilemessages`: as Django's own, but it needs no program beside Python."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from portal.embedded import languages


class Command(BaseCommand):
    help = "Compiles the translations that changed into what Django reads."
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:
        found = languages.stale()
        languages.compile_messages(found)
        self.stdout.write(f"{len(found)} compiled.")
