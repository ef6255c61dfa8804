"""`manage.py probe --region CODE --report URL`: a prober without database, settings and Django, for
a region's own cluster.

It reads its environment itself: `POLDER_PROBER_KEY` or `POLDER_PROBER_KEY_FILE` (a file that holds
the key; read anew for each request, so a mounted Secret may change), `POLDER_ALIVE_FILE`, and
`SSL_CERT_FILE` where Polder's certificate comes from an authority of one's own.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pythonjsonlogger.json import JsonFormatter

from services.probes.prober import Away, Prober
from services.probes.remote import NotHere, Refused, Reporting

logger = logging.getLogger(__name__)

_KEY, _KEY_FILE = "POLDER_PROBER_KEY", "POLDER_PROBER_KEY_FILE"
_SHAPE = re.compile(r"[\x21-\x7e]{1,200}")
_SAID = {
    401: "Polder does not know this key, or it was revoked.",
    403: "This is no key of a prober.",
    404: "This key is for another region, or there is none of this name.",
}


class Unusable(Exception):
    """What it was started with cannot work; the text says why."""


class NoKey(Away):
    """There is none where it should be; between two versions of a Secret that may pass."""


def main(arguments: Sequence[str]) -> int:
    """Until SIGTERM. 0, or 2 with a sentence where it cannot work."""
    log()
    wanted = _parser().parse_args(arguments)
    try:
        store = Reporting(wanted.report, wanted.region, key_of_environment())
        refuse_what_cannot_work(store)
    except (Unusable, NoKey, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(run(Prober(wanted.region, store, now=_now, alive=_alive())))
    return 0


async def run(prober: Prober) -> None:
    """Until SIGTERM or SIGINT; not by the loop, which loses signals while it has too much to do."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: prober.stop.set())
    await prober.run()


def key_of_environment() -> Callable[[], str]:
    """How the key is found, each time."""
    file = os.environ.get(_KEY_FILE, "")
    if file:
        return lambda: _checked(_content(file), file)
    return lambda: _checked(os.environ.get(_KEY, ""), _KEY)


def _content(file: str) -> str:
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise NoKey(f"{file} cannot be read.") from error


def _checked(text: str, where: str) -> str:
    if not _SHAPE.fullmatch(text.strip()):
        raise NoKey(f"{where} holds no key. Staff make one on the region's page of Polder.")
    return text.strip()


def refuse_what_cannot_work(store: Reporting) -> None:
    """Asks Polder once. One that is away may come back; a key that it refuses is a mistake, and so
    is a place from which every service would look as if it were down.

    Raises: Unusable, NoKey.
    """
    store.key()
    try:
        store.read()
    except NotHere as error:
        raise Unusable(
            f"This machine is not in the cluster of {store.region}: no service could be reached "
            "from here, and all would count as down. Run it there."
        ) from error
    except Away as error:
        logger.warning("probe.read", extra={"region": store.region, "why": str(error)[:200]})
    except Refused as error:
        if error.status in _SAID:
            raise Unusable(_SAID[error.status]) from error


def log() -> None:
    """Lines in the form in which Polder's other programs in a cluster log."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _now() -> datetime:
    return datetime.now(UTC)


def _alive() -> Callable[[], None]:
    file = os.environ.get("POLDER_ALIVE_FILE", "")
    return Path(file).touch if file else _nothing


def _nothing() -> None: ...


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        "manage.py probe --report", description=__doc__, allow_abbrev=False
    )
    made.add_argument("--region", required=True, metavar="CODE", type=_code)
    made.add_argument("--report", required=True, metavar="URL")
    return made


def _code(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,32}", text):
        raise argparse.ArgumentTypeError("no name of a region")
    return text
