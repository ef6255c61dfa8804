"""A prober without a database, in a process of its own: a real Valkey on the one side, Polder over
HTTP on the other, and from what it reports to the cents on the invoice's draft.
"""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from billing.einvoice.stored import from_json
from billing.models import CostLine, Invoice, InvoiceRun
from billing.month_end import runs
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from services.instances.models import ProbeDay, ProbeSum
from services.regions import prober_keys
from services.regions.models import ProberKey
from tests.billing.einvoice.test_drafting import a_provider, known  # noqa: F401  # fixtures
from tests.billing.test_sla_for_real import processes, tell, with_a_service
from tests.makers import make_region
from tests.services.engines.conftest import home, run_offering  # noqa: F401  # fixtures

pytestmark = [
    pytest.mark.engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "fake", "a_provider", "plain_static"),
]

ROOT = Path(__file__).parents[2]
LAST_HOUR = datetime(2026, 10, 31, 23, 10, tzinfo=UTC)
EVERY = 0.8  # seconds, for twenty of the clock
# The program, but for its clock: twenty-five times as fast, in the last hour of October.
HURRIED = """
import asyncio, sys, time
from datetime import datetime, timedelta
from services.probes import program, remote
from services.probes.prober import Prober
url, region, began, every, start = sys.argv[1:]
began, every, start = float(began), float(every), datetime.fromisoformat(start)
def now():
    return start + timedelta(seconds=(time.time() - began) / every * 20)
remote.READ_SECONDS = 5 * every
program.log()
store = remote.Reporting(url, region, program.key_of_environment())
program.refuse_what_cannot_work(store)
asyncio.run(program.run(Prober(region, store, now=now, every=every, patience=0.2)))
print(*sorted(name for name in ("django", "psycopg", "kubernetes") if name in sys.modules))
"""


class Hurried:
    def __init__(self):
        self.began = time.time()

    def __call__(self):
        return LAST_HOUR + timedelta(seconds=(time.time() - self.began) / EVERY * 20)

    def until(self, minute):
        while self() < LAST_HOUR + timedelta(minutes=minute):
            time.sleep(0.01)


class Gate:
    """What stands between a prober and Polder. While `away` nobody is let through; while `deaf`
    Polder is asked, and its answer lost.
    """

    def __init__(self, url):
        self.to = (urlsplit(url).hostname, urlsplit(url).port)
        self.away = self.deaf = False
        self.refused = self.lost = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=[client], daemon=True).start()

    def _one(self, client):
        with client:
            if self.away:
                self.refused += 1
                return
            with socket.create_connection(self.to) as polder:
                self._between(client, polder)

    def _between(self, client, polder):
        while True:
            for end in select.select([client, polder], [], [])[0]:
                piece = end.recv(65536)
                if end is polder and self.deaf:
                    self.lost += 1
                    return
                if not piece:
                    return
                (polder if end is client else client).sendall(piece)


@pytest.fixture
def gate(live_server):
    made = Gate(live_server.url)
    yield made
    made.server.close()


def start(arguments, key):
    """With nothing in its environment but its key: no address of a database, no settings."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "POLDER_PROBER_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(is_so):
    end = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.5)


def ended(program):
    program.send_signal(signal.SIGTERM)
    said, log = program.communicate(timeout=120)
    assert program.returncode == 0, log
    return said, log


def key_of(region):
    return prober_keys.create_prober_key(actor=SYSTEM, region=region)[1]


def minutes(first, end):
    """Bits of the day's minutes from the `first` of the hour on."""
    start = LAST_HOUR.hour * 60 + LAST_HOUR.minute
    return sum(1 << (start + minute) for minute in range(first, end))


@pytest.mark.alone
def test_what_a_prober_reports_is_credited_to_the_cent(run_offering, gate, monkeypatch):  # noqa: F811  # the fixture
    handle = run_offering("redis")
    instance = with_a_service(handle)
    key = key_of(instance.region)
    now = Hurried()
    monkeypatch.setattr(clock, "now", now)
    given = [gate.url, instance.region.code, str(now.began), str(EVERY), LAST_HOUR.isoformat()]
    program = start(["-c", HURRIED, *given], key)
    now.until(7)
    pids = processes(handle)
    tell(pids, signal.SIGSTOP)  # the server hangs
    now.until(9)
    gate.away = True  # and Polder is away, over three windows
    now.until(21)
    tell(pids, signal.SIGCONT)
    now.until(26)
    gate.away, gate.deaf = False, True  # it is back, and none of its answers arrives
    now.until(29)
    gate.deaf = False
    now.until(41)
    said, log = ended(program)
    assert said.strip() == ""  # neither Django nor a driver of databases was there
    assert key not in log
    assert "probe.write" in log
    assert gate.refused > 2
    assert gate.lost > 2

    (day,) = ProbeDay.objects.all()
    print(
        f"{day.known.bit_count()} minutes known, {day.bad.bit_count()} bad; {gate.refused} "
        f"refused, {gate.lost} answers lost"
    )
    # Nothing was lost while Polder was away or its answers were: every minute of then is known.
    assert day.known & minutes(9, 40) == minutes(9, 40)
    assert day.bad & minutes(8, 20) == minutes(8, 20)
    assert day.bad & minutes(23, 40) == 0
    # And nothing was counted twice.
    found = ProbeSum.objects.get()
    assert (found.known, found.bad) == (day.known.bit_count(), day.bad.bit_count())

    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    known(instance.project.organisation)
    run = runs.run(actor=SYSTEM, month=date(2026, 10, 1), kind=InvoiceRun.Kind.DRAFT)
    assert (run.drafted, run.held_up) == (1, {})
    cost = sum(CostLine.objects.filter(category="usage").values_list("effective_cost", flat=True))
    credit = CostLine.objects.get(category="credit")
    assert credit.reference == f"sla:2026-10:{instance.public_id}"
    assert -credit.billed_cost == cost.quantize(Decimal("0.01"))  # under 95 %: all of it
    (allowance,) = from_json(Invoice.objects.get().document).allowances
    assert allowance.amount == -credit.billed_cost


def test_the_program_reports_by_the_true_clock(run_offering, gate):  # noqa: F811  # the fixture
    handle = run_offering("redis")
    instance = with_a_service(handle)
    region = instance.region.code
    program = start(
        ["manage.py", "probe", "--region", region, "--report", gate.url], key_of(instance.region)
    )
    until(lambda: ProberKey.objects.get().last_used_at is not None)
    time.sleep(100)  # a whole minute lies within, whenever it began
    seen = psutil.Process(program.pid)
    print(f"{seen.memory_info().rss / 2**20:.0f} MiB")
    assert seen.memory_info().rss < 64 * 2**20
    _said, log = ended(program)
    assert log == ""
    (day,) = ProbeDay.objects.all()
    assert day.known.bit_count() >= 1
    assert day.bad == 0
    assert ProberKey.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    ("region", "key", "said"),
    [
        ("other", "good", "for another region"),
        ("nowhere", "good", "for another region"),
        ("local", "polder_prober_made-up", "does not know this key"),
        ("local", "", "POLDER_PROBER_KEY holds no key"),
        ("cluster", "of the cluster", "not in the cluster of cluster"),
    ],
)
def test_what_cannot_work_is_refused_at_once(gate, region, key, said):
    local, cluster = make_region("local"), make_region("cluster", backend="kubernetes")
    make_region("other")
    keys = {"good": key_of(local), "of the cluster": key_of(cluster)}
    program = start(
        ["manage.py", "probe", "--region", region, f"--report={gate.url}"], keys.get(key, key)
    )
    _said, log = program.communicate(timeout=120)
    assert program.returncode == 2
    assert re.search(said, log)
    assert not ProbeDay.objects.exists()
