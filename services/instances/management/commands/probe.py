"""`manage.py probe --region CODE`: the region's prober, in the foreground."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from services.instances.probing import Prober
from services.regions.models import Region

# A name that every cluster gives its pods, and nobody else has.
_INSIDE = "kubernetes.default.svc"


class Command(BaseCommand):
    help = "Asks each service of a region three times a minute whether it serves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--region", required=True, metavar="CODE")
        parser.add_argument(
            "--outside",
            action="store_true",
            help="ask at the endpoints for the internet; services without one are not measured",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        region = Region.objects.filter(code=options["region"]).first()
        if region is None:
            raise CommandError(f"There is no region {options['region']}.")
        outside = options["outside"]
        if region.backend == Region.Backend.KUBERNETES and not outside and not _in_a_cluster():
            raise CommandError(
                f"This machine is not in the cluster of {region.code}: no service could be reached "
                "from here, and all would count as down. Run it there, or give --outside."
            )
        asyncio.run(_run(region, outside=outside))


async def _run(region: Region, *, outside: bool) -> None:
    prober = Prober(region, outside=outside)
    # Not by the loop, which loses signals while it has too much to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: prober.stop.set())
    await prober.run()


def _in_a_cluster() -> bool:
    try:
        socket.getaddrinfo(_INSIDE, 443)
    except socket.gaierror:
        return False
    return True
