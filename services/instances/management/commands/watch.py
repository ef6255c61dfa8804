"""`manage.py watch --region CODE`: the region's watch, in the foreground."""

from __future__ import annotations

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from services.instances.watching import RegionWatch
from services.regions.models import Region


class Command(BaseCommand):
    help = "Watches a Kubernetes region: stores what its services show and wakes operations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--region", required=True, metavar="CODE")

    def handle(self, *args: Any, **options: Any) -> None:
        region = Region.objects.filter(code=options["region"]).first()
        if region is None:
            raise CommandError(f"There is no region {options['region']}.")
        if region.backend != Region.Backend.KUBERNETES:
            raise CommandError(f"{region.code} is no Kubernetes region: it is not watched.")
        watch = RegionWatch(region, installation=settings.POLDER_INSTALLATION)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watch.stop.set())
        watch.run()
