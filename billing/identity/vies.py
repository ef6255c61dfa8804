"""Whether a VAT id is registered: the seam to VIES, the Union's own look-up. Off by default.

`POLDER_VIES_CLIENT` names a callable, `module.function`, that takes a VAT id and the provider's own
and gives an `Answer`. Polder brings none: it was made where no such service can be reached, so none
could be tried. Without one, staff look on VIES themselves and write the number of the consultation
down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class Answer:
    """`number` is that of the consultation, which proves that one took place."""

    valid: bool
    number: str
    at: datetime


Client = Callable[[str, str], Answer]


def client() -> Client | None:
    """None while it is switched off. Raises: ImportError for a path that leads nowhere."""
    path = settings.POLDER_VIES_CLIENT
    found: Client | None = import_string(path) if path else None
    return found
