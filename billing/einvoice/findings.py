"""What a judge says of a document."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from billing.einvoice.profiles import Profile


class Judge(StrEnum):
    """Who found it: our own checks, the reading back of what was written, the schema, the rules of
    the standard, or the machinery (rules that are not there, a judge that does not answer).
    """

    OWN = "own"
    READING = "reading"
    SCHEMA = "schema"
    RULES = "rules"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable: our own word, or the name of the standard's rule (`BR-CO-15`). `text` is
    for the provider's staff, in English as the standards' own messages are. `profile` is None where
    the document itself is meant.
    """

    judge: Judge
    code: str
    text: str
    profile: Profile | None = None
    fatal: bool = True

    def __str__(self) -> str:
        where = f"{self.profile.value}: " if self.profile else ""
        return f"{where}{self.code}: {self.text}"
