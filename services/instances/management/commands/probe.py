"""`manage.py probe --region CODE`: the region's prober, in the foreground."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from services.instances.probing import prober_of
from services.probes.program import run
from services.probes.remote import in_a_cluster
from services.regions.models import Region


class Command(BaseCommand):
    help = "Asks each service of a region three times a minute whether it serves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--region", required=True, metavar="CODE")
        parser.add_argument(
            "--outside",
            action="store_true",
            help="ask at the endpoints for the internet; services without one are not measured",
        )
        parser.add_argument(
            "--report",
            metavar="URL",
            help="without a database: report to Polder there, with a key of the region",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        region = Region.objects.filter(code=options["region"]).first()
        if region is None:
            raise CommandError(f"There is no region {options['region']}.")
        outside = options["outside"]
        if region.backend == Region.Backend.KUBERNETES and not outside and not in_a_cluster():
            raise CommandError(
                f"This machine is not in the cluster of {region.code}: no service could be reached "
                "from here, and all would count as down. Run it there, or give --outside."
            )
        asyncio.run(run(prober_of(region, outside=outside)))
