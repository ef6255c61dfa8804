"""`manage.py region_rights`: what Polder must be allowed in a region's cluster."""

from __future__ import annotations

from typing import Any

import yaml
from django.core.management.base import BaseCommand

from services import registry
from services.backends.kubernetes import rights

_HEAD = "# Written by `manage.py region_rights`: all API groups of the catalogue's operators.\n"


class Command(BaseCommand):
    help = (
        "Prints the ClusterRole that lets Polder use the operators of a region's cluster, for "
        "every offering of this catalogue (deploy/region/operators.yaml)."
    )
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:
        role = rights.operators(rights.groups(registry.entries().values()))
        self.stdout.write(_HEAD + yaml.safe_dump(role, sort_keys=False), ending="")
