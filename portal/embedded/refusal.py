"""What keeps Polder from starting, as a sentence for the person at the keyboard. Standard library
only.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn


class Refusal(Exception):
    """Polder cannot start, or cannot go on. `text` says what happened, `hint` what to do."""

    def __init__(self, text: str, hint: str = "", *, what: str = "Polder did not start.") -> None:
        super().__init__(f"{what} {text} {hint}".strip())
        self.what = what
        self.text = text
        self.hint = hint


def run(steps: Callable[[], object]) -> None:
    """Runs `steps`; a refusal or a disk's fault ends this process with its sentence, exit code
    1.
    """
    try:
        steps()
    except Refusal as refusal:
        fail(refusal)
    except OSError as error:
        known = disk_refusal(error)
        if known is None:
            raise
        fail(known)


def fail(refusal: Refusal) -> NoReturn:
    sys.stderr.write(f"\n{refusal.what} {refusal.text}\n{refusal.hint}".rstrip() + "\n")
    raise SystemExit(1)


def disk_refusal(error: OSError) -> Refusal | None:
    """What the disk said, as a sentence; None when it is something else."""
    where = error.filename or "the data directory"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal(
            f"The disk is full ({where}).",
            "Free some space, or set POLDER_HOME to a directory on a larger disk.",
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return Refusal(
            f"{where} cannot be written by this user ({os.strerror(error.errno)}).",
            "Set POLDER_HOME to a directory that you can write to, or start Polder as the user "
            "who owns it.",
        )
    return None
