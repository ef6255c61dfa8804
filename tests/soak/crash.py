"""Kill things at random moments while services are created, changed and destroyed; then count what
is left.

    python -m tests.soak.crash --worker 100 --broker 100 --database 100

Every operation must end, nothing may exist twice, nothing may be left over.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.soak.installation import Installation

AT_ONCE = 10
OPERATION_SECONDS = 120
ENDED = {"succeeded", "failed", "cancelled"}
FAST = {"POLDER_LEASE_SECONDS": "4", "POLDER_SWEEP_SECONDS": "1", "POLDER_LOG_LEVEL": "WARNING"}
PROJECT = "demo"


@dataclass
class Tally:
    """What happened, for the report."""

    kills: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    instances: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0

    def __str__(self) -> str:
        kills = ", ".join(f"{n} × {name}" for name, n in sorted(self.kills.items()))
        states = ", ".join(f"{n} {name}" for name, n in sorted(self.operations.items()))
        return (
            f"{self.seconds:.0f} s; kill -9 of {kills}; {self.instances} services; "
            f"operations: {states}; faults: {self.faults or 'none'}"
        )


class Killer(threading.Thread):
    """Kills `program` `times` times at random moments, then stops."""

    def __init__(self, place: Installation, program: str, times: int, dice: random.Random) -> None:
        super().__init__(daemon=True)
        self.place, self.program, self.times, self.dice = place, program, times, dice
        self.done = 0

    def run(self) -> None:
        while self.done < self.times:
            time.sleep(self.dice.uniform(0.05, 3.0))
            if self.place.kill_program(self.program):
                self.done += 1
            self._wait_back()

    def _wait_back(self) -> None:
        """Until work can go on: a database that is killed while it recovers never comes back."""
        until = time.monotonic() + 60
        while not self._works() and time.monotonic() < until:
            time.sleep(0.05)

    def _works(self) -> bool:
        try:
            ready = self.place.http("GET", "/readyz")[0] == 200
        except OSError:
            return False
        return ready and bool(self.place.program_pid(self.program))


def batches(
    place: Installation, dice: random.Random, tally: Tally, killer: Killer
) -> Iterator[None]:
    """Create, change and destroy ten services again and again until the killer is through."""
    while killer.is_alive():
        ids = [_order(place, dice, tally) for _ in range(AT_ONCE)]
        yield
        _settle(place, ids, tally)
        for ident in ids:
            _change(place, ident, dice, tally)
        yield
        _settle(place, ids, tally)
        for ident in ids:
            _purge(place, ident)
        yield
        _settle(place, ids, tally)
        yield


def run(*, worker: int, broker: int, database: int, seed: int = 1) -> Tally:
    """A whole run in an installation of its own. Programs are killed one kind after the other."""
    dice, tally, began = random.Random(seed), Tally(), time.monotonic()
    place = Installation(environment=FAST)
    try:
        place.start()
        for program, times in (("worker", worker), ("broker", broker), ("database", database)):
            killer = Killer(place, program, times, dice)
            killer.start()
            for _ in batches(place, dice, tally, killer):
                pass
            killer.join()
            tally.kills[program] += killer.done
        _count(place, tally)
    finally:
        tally.seconds = time.monotonic() - began
        place.stop()
    rest = [f"{p.pid} {' '.join(p.info['cmdline'])[:80]}" for p in place.processes()]
    tally.faults += [f"runs on after stop: {words}" for words in rest]
    if not tally.faults:
        place.discard()
    return tally


def _order(place: Installation, dice: random.Random, tally: Tally) -> str:
    offering = dice.choice(["redis", "redis", "postgresql"])
    tally.instances += 1
    name = f"s{tally.instances}"
    order = {"offering": offering, "plan": "dev-1x1", "name": name}
    operation = place.call("POST", f"/projects/{PROJECT}/instances", order)
    return str(operation["instance"])


def _change(place: Installation, ident: str, dice: random.Random, tally: Tally) -> None:
    wanted = {"parameters": {"max_connections": dice.randint(20, 90)}}
    place.call("PATCH", f"/instances/{ident}", wanted)
    place.call("PATCH", f"/instances/{ident}", {"protected": False})


def _purge(place: Installation, ident: str) -> None:
    place.call("DELETE", f"/instances/{ident}?purge=true")


def _settle(place: Installation, ids: list[str], tally: Tally) -> None:
    """Waits until the newest operation of each has ended; each must have ended well."""
    for ident in ids:
        until = time.monotonic() + OPERATION_SECONDS
        while True:
            newest = place.call("GET", f"/operations?instance={ident}&page_size=1")["results"][0]
            if newest["state"] in ENDED:
                break
            if time.monotonic() > until:
                tally.faults.append(f"{newest['id']} ({newest['kind']}) has not ended")
                break
            time.sleep(0.2)
        tally.operations[f"{newest['kind']} {newest['state']}"] += 1
        if newest["state"] != "succeeded":
            tally.faults.append(
                f"{newest['id']} {newest['kind']} {newest['state']}: {newest['error']}"
            )


def _count(place: Installation, tally: Tally) -> None:
    """Everything was destroyed: nothing may be left."""
    live = {i["id"] for i in _all(place, "/instances?page_size=200")}
    tally.faults += [f"still listed: {ident}" for ident in sorted(live)]
    tally.faults += place.leftovers(live)
    quota = place.call("GET", f"/projects/{PROJECT}")["quota"]
    tally.faults += [f"quota still used: {q}" for q in quota if float(q["used"]) != 0]
    open_ones = place.call("GET", "/operations?state=running")["results"]
    tally.faults += [f"still running: {o['id']}" for o in open_ones]


def _all(place: Installation, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    rows += place.call("GET", path)["results"]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("worker", "broker", "database"):
        parser.add_argument(f"--{name}", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    tally = run(**vars(parser.parse_args()))
    print(tally)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
