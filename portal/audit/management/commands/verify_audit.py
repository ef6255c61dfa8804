"""`manage.py verify_audit [CHAIN…]`: proves the audit trail."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.audit import queries


class Command(BaseCommand):
    help = "Recomputes the hash chains of the audit trail; exit status 1 when one is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chains", nargs="*", metavar="CHAIN")

    def handle(self, *, chains: list[str], **_: Any) -> None:
        unknown = set(chains) - set(queries.chains())
        if unknown:
            raise CommandError(f"There is no chain {sorted(unknown)[0]}.")
        found = [queries.verify(chain) for chain in chains or queries.chains()]
        for one in found:
            word = (
                f"holds, head {one.head}"
                if one.ok
                else f"is broken at {one.first_bad}: {queries.FAULTS[one.why]}"
            )
            self.stdout.write(f"{one.chain}: {one.count} events, the chain {word}.")
        if not all(one.ok for one in found):
            raise CommandError(
                "The audit trail was changed outside Polder. Keep this database as it is for the "
                "investigation, and compare it with a backup."
            )
