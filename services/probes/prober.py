"""A prober at work: asks every target three times a minute, and hands on what it found every five
minutes. Where targets come from and minutes go is its `Store`: the database, or Polder's API.

What it could not ask, because it was away, too slow or cut off itself, it does not know, and tells
nothing of. One thread asks; another speaks with the store.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event
from typing import Protocol, TypeVar

from services.probes.asking import Names, State, Verdict, ask
from services.probes.minutes import SECONDS, Book, Window
from services.probes.protocols import Question

logger = logging.getLogger(__name__)
T = TypeVar("T")
PATIENCE = 5.0  # seconds that one probe may take
ALIVE_SECONDS = 5.0
_LEAST_AT_ONCE = 64
_FILES_LEFT = 128  # for all but probes
_PULSE = 0.05  # how often it is measured whether we are late ourselves
_LATE = 0.002  # so much later, how long an answer took is not said
_MOST_KEPT = 12  # windows, while the store is away: an hour


@dataclass(frozen=True, slots=True)
class Target:
    """An instance by its public id, what to ask it, and when within each twenty seconds (a share
    of them).
    """

    key: str
    question: Question
    offset: float


def target(key: str, asked: Question) -> Target:
    """Each has its place in the twenty seconds, whoever asks it."""
    return Target(key, asked, zlib.crc32(key.encode()) / 2**32)


class Away(Exception):
    """The store does not answer now; what it was given is kept for the next time."""


class Store(Protocol):
    """Called from one thread, one call at a time. `add` may be given the same windows again."""

    def targets(self) -> list[Target]:
        """Whom to ask, by their offsets. Raises: Away."""

    def add(self, windows: Sequence[Window]) -> None:
        """Raises: Away."""

    def close(self) -> None: ...


class Prober:
    """One region. `run` returns when `stop` is set. `alive` is called while it works. `now`,
    `every` (seconds between two probes) and `patience` are for tests that cannot wait.
    """

    def __init__(
        self,
        region: str,
        store: Store,
        *,
        now: Callable[[], datetime],
        alive: Callable[[], None] = lambda: None,
        every: float = SECONDS,
        patience: float = PATIENCE,
    ) -> None:
        self.region, self.store, self.now, self.alive = region, store, now, alive
        self.every, self.patience = every, patience
        self.book, self.names = Book(), Names()
        self.stop = Event()
        self.targets: list[Target] = []
        self.asked = self.failed = self.unknown = 0
        self._kept: deque[list[Window]] = deque(maxlen=_MOST_KEPT)
        self._late_at: deque[tuple[float, float]] = deque(maxlen=int(2 * PATIENCE / _PULSE))
        self._under_way: dict[asyncio.Task[None], datetime] = {}
        self._busy: set[str] = set()
        self._at_once = _LEAST_AT_ONCE  # it grows with the targets, and never shrinks
        self._slots = asyncio.Semaphore(_LEAST_AT_ONCE)
        self._thread = ThreadPoolExecutor(1, "store")

    async def run(self) -> None:
        pulse = asyncio.create_task(self._pulse())
        upkeep: asyncio.Task[None] | None = None
        try:
            await self._read()
            await self._rest(time.monotonic() + self._until_next_round())
            while not self.stop.is_set():
                until = time.monotonic() + self._until_next_round()
                if upkeep is None or upkeep.done():  # a slow store delays no round
                    await (upkeep or asyncio.sleep(0))
                    upkeep = asyncio.create_task(self._upkeep())
                await self._round(until)
        finally:
            pulse.cancel()
            await asyncio.gather(*filter(None, [upkeep]), return_exceptions=True)
            await asyncio.gather(*self._under_way, return_exceptions=True)
            await self._write(self.book.take_all())
            await self._with_store(self.store.close)
            self._thread.shutdown()

    def _until_next_round(self) -> float:
        """Rounds keep to the clock, so that each minute has three. Seconds; one that begins a
        moment early is not begun again.
        """
        share = self.now().timestamp() % SECONDS / SECONDS
        return self.every * (1 - share if share < 0.9 else 2 - share)

    async def _upkeep(self) -> None:
        """Beside a round: what is over is handed on, and the next round's targets are read."""
        await self._write(self.book.take(self._settled()))
        await self._read()

    def _settled(self) -> datetime:
        """Up to when every probe that was begun has its verdict."""
        return min([self.now(), *self._under_way.values()])

    # -- whom to ask -----------------------------------------------------------------------------

    async def _read(self) -> None:
        """Who is there now. While the store does not answer, who was there."""
        try:
            self.targets = await self._with_store(self.store.targets)
        except Away as error:
            self._warn("probe.read", error)
        self.names.tidy()
        # Twice what hangs when all of them do.
        wanted = _LEAST_AT_ONCE + round(2 * len(self.targets) * self.patience / self.every)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_LEFT
        for _ in range(max(_LEAST_AT_ONCE, min(wanted, most)) - self._at_once):
            self._slots.release()
            self._at_once += 1

    # -- asking ----------------------------------------------------------------------------------

    async def _round(self, until: float) -> None:
        """Each once, spread over the time of a round, at the same place in every round."""
        began = time.monotonic()
        for target in self.targets:
            await self._rest(began + target.offset * (until - began))
            if self.stop.is_set():
                return
            at = self.now()
            if target.key in self._busy:  # we are behind: so that no more than all wait at once
                self._note(target, at, Verdict(State.UNKNOWN, why="behind"))
                continue
            self._busy.add(target.key)
            task = asyncio.create_task(self._one(target, at))
            self._under_way[task] = at
            task.add_done_callback(self._under_way.pop)
        await self._rest(until)

    async def _rest(self, until: float) -> None:
        """Until then, or until the end."""
        while (left := until - time.monotonic()) > 0 and not self.stop.is_set():
            await asyncio.sleep(min(left, 0.5))

    async def _one(self, target: Target, at: datetime) -> None:
        async with self._slots:
            asked_at = time.monotonic()
            verdict = await ask(target.question, self.names, seconds=self.patience)
        self._busy.discard(target.key)
        self._note(target, at, self._fair(verdict, asked_at))

    def _note(self, target: Target, at: datetime, verdict: Verdict) -> None:
        self.asked += 1
        self.failed += verdict.state == State.DOWN
        self.unknown += verdict.state == State.UNKNOWN
        self.book.note(target.key, at, verdict)

    def _fair(self, verdict: Verdict, since: float) -> Verdict:
        """What we were late for ourselves is nobody else's fault."""
        late = max((by for at, by in self._late_at if at >= since), default=0.0)
        if verdict.state == State.UP and late > _LATE:
            return Verdict(State.UP)
        return verdict

    async def _pulse(self) -> None:
        """Notes when this very loop comes late, and that it works."""
        touched = 0.0
        while True:
            due = time.monotonic() + _PULSE
            await asyncio.sleep(_PULSE)
            now = time.monotonic()
            if now - due > _LATE:
                self._late_at.append((now, now - due))
            if now - touched >= ALIVE_SECONDS:
                self.alive()
                touched = now

    # -- handing on ------------------------------------------------------------------------------

    async def _write(self, windows: list[Window]) -> None:
        """All that waits; kept for the next time where the store does not answer."""
        if windows:
            self._kept.append(windows)
        while self._kept:
            try:
                await self._with_store(partial(self.store.add, self._kept[0]))
            except Away as error:
                self._warn("probe.write", error)
                return
            self._kept.popleft()

    async def _with_store(self, do: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)

    def _warn(self, what: str, error: Away) -> None:
        logger.warning(what, extra={"region": self.region, "why": str(error)[:200]})
