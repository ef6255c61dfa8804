"""Text that a person reads in their language, and text that nobody may see."""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """Marks `text` for the message catalogue and returns it as it is (the catalogue imports no
    Django).
    """
    return text


class Secret(str):
    """Text that must not be shown. Its `repr` hides it, so that a log or a traceback cannot
    tell.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"
