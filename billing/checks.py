"""System checks: every plan can be priced from the files, and the files keep their rules."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from billing import book
from services import registry

_PLAN_METERS = ("vcpu", "memory_gib", "storage_gib")


@register()
def check_prices(**_: Any) -> list[CheckMessage]:
    """billing.E001: a fault in the files. billing.E002: an offering whose class has no price."""
    try:
        rows = book.read()
    except ValueError as error:
        return [Error(f"Price files: {error}", id="billing.E001")]
    faults: list[CheckMessage] = [
        Error(f"Price files: {f}", id="billing.E001") for f in book.lint(rows)
    ]
    priced = {(row.price_class, row.meter) for row in rows}
    for entry in registry.entries().values():
        offering = entry.offering
        missing = [m for m in _PLAN_METERS if (offering.price_class, m) not in priced]
        if missing:
            word = f"{offering.slug}: class {offering.price_class} has no price for {', '.join(missing)}"
            faults.append(Error(word, id="billing.E002"))
    return faults
