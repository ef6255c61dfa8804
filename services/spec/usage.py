"""Usage beyond the time of a plan: what the `usage.py` of an offering is written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from services.spec.instance import InstanceSpec
from services.spec.kubernetes import Listing, Manifest


@dataclass(frozen=True, slots=True)
class Counted:
    """What an instance used of `meter` since a moment that the caller named, in base units: seconds
    of one piece or one GiB, GiB, or pieces. With `kept`, `quantity` is what it holds right now
    beyond its plan, in pieces or GiB; the caller knows for how long. With the name of a `counter`
    it is how far that stands, since it began at nothing; the caller knows where it stood before.
    """

    meter: str
    quantity: Decimal
    kept: bool = False
    counter: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a counter of a running server stands, in base units of `meter`; `name` tells it from
    others of that meter.
    """

    meter: str
    value: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of which the metrics API of a cluster knows how far it went; `per` of it are one
    base unit of `meter`.

    `selector` names its series in PromQL. Of their labels `namespace` and `owner` say whose they
    are: the owner is an instance by its name, or with `of_pods` one of its pods. Labels in `each`
    tell its series apart: what is scraped twice counts once. Where that is empty all do, but those
    that scraping adds.
    """

    meter: str
    selector: str
    namespace: str
    owner: str
    of_pods: bool = False
    each: tuple[str, ...] = ()
    per: int = 1


class Usage(Protocol):
    """`usage.py` of an offering: what it uses in a cluster beyond what the time of its plan counts.
    Pure.

    `listings` names the objects that tell; none where nothing can come beyond the plan. `counted`
    reads them: what was used in [`since`, `until`), each of `METERS` that can have been. `COUNTERS`
    are those of its meters that no object of a cluster tells.
    """

    METERS: tuple[str, ...]
    COUNTERS: tuple[Counter, ...]

    def listings(self, spec: InstanceSpec) -> tuple[Listing, ...]: ...
    def counted(
        self, spec: InstanceSpec, found: Sequence[Manifest], since: datetime, until: datetime
    ) -> tuple[Counted, ...]: ...
