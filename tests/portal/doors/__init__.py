"""Who may use which address: one module for each part of Polder, a `DOORS` list in each.

A new address gets a line in the module of its part; `tests/portal/test_doors.py` fails until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from portal.tenancy.permissions import Permission

World = Mapping[str, Any]
PUBLIC, SIGNED, STAFF = "public", "signed", "staff"
METER, PROBER = "a key of a meter", "a key of a region's prober"
ANY = "any signed-in, own things only"


@dataclass(frozen=True)
class Door:
    """One method of one address: who may pass, and what is sent.

    `at` makes the address's arguments from the world of the test, `query` stands behind it.
    `own`: somebody from elsewhere passes too, and sees what is theirs. `missing`: the row named in
    the address does not exist, so 404 is what stands behind the door. `hidden`: whoever lacks the
    permission is told that nothing is there.
    """

    name: str
    method: str
    rule: str | Permission
    body: Mapping[str, Any] | None = None
    at: Callable[[World], Mapping[str, str]] = field(default=lambda _: {})
    query: str = ""
    own: bool = False
    missing: bool = False
    hidden: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def doors() -> Iterator[Door]:
    for module in iter_modules(__path__, f"{__name__}."):
        yield from import_module(module.name).DOORS
