"""`manage.py rollout plan | start | stop | list`: a changed rendering for what runs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.kernel.actor import SYSTEM
from portal.kernel.errors import BackendError, Invalid, PortalError
from services import registry
from services.instances import rollout, windows
from services.instances.models import Rollout
from services.regions import oversight
from services.regions.models import Region
from services.spec import Difference

_RESTARTS = {True: "restarts", False: "does not restart", None: "its operator decides"}
_ENDED_BY = {"asked": "stopped when asked", "failures": "stopped itself", "done": "finished"}
_MOST_FIELDS = 6


class Command(BaseCommand):
    help = (
        "Shows which running services this release (or the region's settings) would render other "
        "than they were applied, and brings it to them in batches within their windows. Nothing "
        "that runs changes without it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="what", required=True)
        plan = parts.add_parser("plan", help="what would change; changes nothing")
        plan.add_argument("--region", metavar="CODE", help="only there")
        plan.add_argument("--offering", default="", metavar="SLUG", help="only of this offering")
        start = parts.add_parser("start", help="begins a rollout, or goes on with a stopped one")
        which = start.add_mutually_exclusive_group(required=True)
        which.add_argument("rollout", nargs="?", metavar="ID", help="of a stopped one: goes on")
        which.add_argument("--region", metavar="CODE", help="a new one there")
        start.add_argument("--offering", default="", metavar="SLUG", help="only of this offering")
        start.add_argument("--batch", type=int, default=5, metavar="N", help="at once (5)")
        start.add_argument(
            "--pause", type=int, default=10, metavar="MINUTES", help="between two batches (10)"
        )
        start.add_argument(
            "--failures", type=int, default=0, metavar="N", help="it stops after more (0)"
        )
        start.add_argument("--reason", default="", help="for the provider's audit log")
        stop = parts.add_parser("stop", help="no further batch; what is under way ends by itself")
        stop.add_argument("rollout", metavar="ID")
        stop.add_argument("--reason", default="", help="for the provider's audit log")
        parts.add_parser("list", help="all, with how far they are")

    def handle(self, *, what: str, **options: Any) -> None:
        try:
            getattr(self, f"_{what}")(options)
        except Invalid as error:
            faults = [f"--{name}: {text}" for name, text in error.fields.items()]
            raise CommandError("\n".join(faults)) from error
        except BackendError as error:
            said = f"The region does not answer ({error.code}). {error.detail}"
            raise CommandError(said.strip()) from error
        except PortalError as error:
            raise CommandError(f"{error.text} {error.hint}".strip()) from error

    def _plan(self, options: dict[str, Any]) -> None:
        region = _region(options["region"])
        behind, place = 0, None
        for one in rollout.plan(SYSTEM, region=region, offering=_slug(options["offering"])):
            here = (one.instance.region.code, one.instance.offering)
            if here != place:
                self.stdout.write(f"{here[0]}, {here[1]}:")
                place = here
            self._show(one)
            behind += 1
        said = f"{behind} behind." if behind else "Everything that runs is as it would be rendered."
        self.stdout.write(said)

    def _show(self, one: rollout.Behind) -> None:
        instance = one.instance
        what = f"cannot be told: {one.fault}" if one.fault else _RESTARTS[one.restarts]
        self.stdout.write(f"  {instance.public_id} {instance.name}: {what}, {_window(one)}")
        for difference in one.differences:
            self.stdout.write(f"    {_told(difference)}")

    def _start(self, options: dict[str, Any]) -> None:
        if options["rollout"]:
            stopped = rollout.rollout_called(SYSTEM, options["rollout"])
            found = rollout.resume(actor=SYSTEM, rollout=stopped, reason=options["reason"])
        else:
            found = rollout.start(
                actor=SYSTEM,
                region=oversight.region(SYSTEM, options["region"]),
                offering=_slug(options["offering"]),
                batch=options["batch"],
                pause_minutes=options["pause"],
                failures_allowed=options["failures"],
                reason=options["reason"],
            )
        self.stdout.write(
            f"{found.public_id} runs: each service within its window. "
            f"“manage.py rollout stop {found.public_id}” stops it."
        )

    def _stop(self, options: dict[str, Any]) -> None:
        running = rollout.rollout_called(SYSTEM, options["rollout"])
        found = rollout.stop(actor=SYSTEM, rollout=running, reason=options["reason"])
        self.stdout.write(
            f"{found.public_id} is stopped; operations under way end by themselves. "
            f"“manage.py rollout start {found.public_id}” goes on."
        )

    def _list(self, _options: dict[str, Any]) -> None:
        for found, counts in rollout.rollouts(SYSTEM):
            parts = ", ".join(f"{state.replace('_', ' ')} {n}" for state, n in counts.items())
            how = _ENDED_BY.get(found.ended_by, "runs")
            self.stdout.write(f"{found.public_id} {found.region.code:20} {how:20} {parts}")
            if found.state != Rollout.State.FINISHED:
                self._show_failed(found)

    def _show_failed(self, found: Rollout) -> None:
        for part in rollout.failed_parts(SYSTEM, found):
            operation = part.operation.public_id if part.operation else ""
            self.stdout.write(f"  {part.instance.public_id} failed: {part.why} ({operation})")


def _told(one: Difference) -> str:
    fields = ", ".join(one.fields[:_MOST_FIELDS])
    more = len(one.fields) - _MOST_FIELDS
    rest = f" and {more} more" if more > 0 else ""
    return f"{one.kind} {one.name}: {one.change} {fields}{rest}".rstrip()


def _window(one: rollout.Behind) -> str:
    return f"window {windows.written(one.instance)}"


def _region(code: str | None) -> Region | None:
    return oversight.region(SYSTEM, code) if code else None


def _slug(slug: str) -> str:
    if slug and slug not in registry.entries():
        raise CommandError(f"There is no offering {slug}.")
    return slug
