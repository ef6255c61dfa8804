"""How far counters of servers went since they were read last. Pure.

A counter that fell began anew, and so did one that was not there: the counters of a server that was
started again have other names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from services.spec import Counted

_NOTHING = Decimal(0)


def growth(
    stood: Mapping[str, int] | None, counted: Iterable[Counted], *, from_beginning: bool
) -> tuple[list[Counted], dict[str, int] | None]:
    """What was used of what was `counted`, and where counters stand now.

    `stood` is what this said the last time, None where nothing was read yet: then what stands is
    used `from_beginning`, or of nobody knows when. What is no counter of a server stays as it is.
    """
    used: list[Counted] = []
    stands: dict[str, int] = {}
    for one in counted:
        if not one.counter:
            used.append(one)
            continue
        value = max(int(one.quantity), 0)
        stands[one.counter] = value
        if stood is None:
            gone = value if from_beginning else 0
        else:
            before = stood.get(one.counter, 0)
            gone = value - before if value >= before else value
        used.append(replace(one, quantity=Decimal(gone), counter=""))
    return used, stands or (None if stood is None else dict(stood))
