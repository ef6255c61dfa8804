"""`manage.py region add CODE … | check CODE | list`: regions on Kubernetes clusters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Invalid, PortalError
from services import registry
from services.instances.region_health import check_region
from services.regions import actions, clusters, oversight
from services.regions.models import Region
from services.regions.queries import orderable
from services.regions.texts import fault_text, reason_text
from services.spec import Secret

_STDIN = "-"


class Command(BaseCommand):
    help = "Adds a Kubernetes cluster as a region, looks at one now, or lists all."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="what", required=True)
        add = parts.add_parser("add", help="a cluster, with its kubeconfig or the one it runs in")
        add.add_argument("code", metavar="CODE", help="short and for ever, such as eu-nl-1")
        add.add_argument("--name", required=True, help="as people read it")
        add.add_argument("--country", required=True, help="two letters, such as NL")
        access = add.add_mutually_exclusive_group(required=True)
        access.add_argument("--kubeconfig", metavar="FILE", help="- reads it from the input")
        access.add_argument("--in-cluster", action="store_true", help="where Polder itself runs")
        add.add_argument("--context", default="", help="of the kubeconfig, if not its current one")
        add.add_argument(
            "--setting",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"again and again; names: {', '.join(clusters.FIELDS)}",
        )
        add.add_argument(
            "--backup-keys",
            metavar="FILE",
            help=f"holds {' and '.join(actions.BACKUP_KEYS.values())}, one NAME=VALUE a line",
        )
        add.add_argument("--metrics-token", metavar="FILE", help="holds that of the metrics API")
        parts.add_parser("check", help="asks it now").add_argument("code", metavar="CODE")
        parts.add_parser("list", help="all, with how they are")

    def handle(self, *, what: str, **options: Any) -> None:
        try:
            {"add": self._add, "check": self._check, "list": self._list}[what](options)
        except Invalid as error:
            faults = [f"{name}: {text}" for name, text in error.fields.items()]
            raise CommandError("\n".join(faults)) from error
        except PortalError as error:
            raise CommandError(f"{error.text} {error.hint}".strip()) from error

    def _add(self, options: dict[str, Any]) -> None:
        text, folder = (None, None) if options["in_cluster"] else _kubeconfig(options["kubeconfig"])
        region = actions.add_region(
            actor=SYSTEM,
            code=options["code"],
            name=options["name"],
            country=options["country"],
            kubeconfig=text,
            context=options["context"],
            folder=folder,
            settings=dict(_pair(line) for line in options["setting"]),
            backup_keys=_backup_keys(options["backup_keys"]),
            metrics_token=Secret(_text(file) if (file := options["metrics_token"]) else ""),
        )
        self.stdout.write(f"{region.name}: added.")
        self._show(check_region(region))

    def _check(self, options: dict[str, Any]) -> None:
        region = check_region(oversight.region(SYSTEM, options["code"]))
        self._show(region)
        if not region.healthy:
            raise CommandError(f"{region.name} does not answer.")

    def _list(self, _options: dict[str, Any]) -> None:
        for region in oversight.regions(SYSTEM):
            how = "not looked at" if region.checked_at is None else _word(region)
            self.stdout.write(
                f"{region.code:20} {region.backend:12} {region.status:8} {how:16} {region.name}"
            )

    def _show(self, region: Region) -> None:
        """How it is, and each offering that cannot be ordered there with why not."""
        said = " ".join((_word(region), region.facts.get("version", ""))).strip()
        self.stdout.write(f"{region.name}: {said}.")
        if not region.healthy:
            detail = region.facts.get("said", "")
            self.stdout.write(" ".join(filter(None, (*fault_text(region.detail), detail))))
            return
        for slug, entry in sorted(registry.entries().items()):
            answer = orderable(entry, region)
            why = reason_text(answer.code, answer.params, to_staff=True)
            self.stdout.write(f"  {slug:24} {'can be ordered' if answer.ok else ' '.join(why)}")


def _word(region: Region) -> str:
    return "answers" if region.healthy else "does not answer"


def _kubeconfig(file: str) -> tuple[Secret, Path | None]:
    """Its text, and where the files that it refers to lie: nowhere when it comes by the input."""
    if file == _STDIN:
        return Secret(sys.stdin.read()), None
    return Secret(_text(file)), Path(file).parent


def _backup_keys(file: str | None) -> dict[str, Secret]:
    lines = _text(file).splitlines() if file else []
    given = dict(_pair(line) for line in lines if line.strip())
    known = {theirs: ours for ours, theirs in actions.BACKUP_KEYS.items()}
    if set(given) - set(known):
        raise CommandError(f"{file} may hold {' and '.join(known)} alone, one NAME=VALUE a line.")
    return {known[name]: Secret(value) for name, value in given.items()}


def _text(file: str) -> str:
    try:
        return Path(file).read_text(errors="replace")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error


def _pair(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals:
        raise CommandError("A setting or key is written as NAME=VALUE.")
    return name.strip(), value.strip()
