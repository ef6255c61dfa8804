"""What a prober costs: `pytest tests/services/numbers_probes.py -s` (minutes; in no other run).

The real program against servers that speak TLS and answer PING, on this machine: processor and
memory by how many instances there are, and when none of them answers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from django.db import connection

from services.instances.models import Instance, ProbeDay
from services.probes.minutes import SECONDS
from tests.makers import make_project, make_region
from tests.services.test_probes import tls_of

ROOT = Path(__file__).parents[2]
PORTS = 16
SERVER = """
import asyncio, resource, ssl, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
served = 0
async def serve(reader, writer):
    global served
    served += 1
    try:
        while await reader.read(100):
            writer.write(b"+PONG\\r\\n")
    except OSError:
        pass
    writer.close()
async def main():
    tls = context if sys.argv[3] == "tls" else None
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=4096)
               for _ in range(int(sys.argv[2]))]
    print(*(s.sockets[0].getsockname()[1] for s in servers), flush=True)
    told = lambda: sys.stdin.readline() and print(served, flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin, told)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture(params=["tls", "open"])
def server(tmp_path, request):
    from datetime import UTC, datetime, timedelta

    tls_of(tmp_path, datetime.now(UTC).replace(microsecond=0) + timedelta(days=5))
    program = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path / "tls.pem"), str(PORTS), request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield program
    program.send_signal(signal.SIGCONT)
    program.kill()


def make(count, ports, tls):
    project, region = make_project(), make_region()
    Instance.objects.bulk_create(
        Instance(
            public_id=f"rd-{number:08x}",
            project=project,
            region=region,
            offering="redis",
            name=f"cache-{number}",
            version="9",
            plan="dev-1x1",
            phase="running",
            endpoints=[
                {
                    "name": "client",
                    "protocol": "redis",
                    "host": "127.0.0.1",
                    "port": ports[number % len(ports)],
                    "uri": "",
                    "tls": tls,
                }
            ],
        )
        for number in range(count)
    )


def served(server):
    """How many probes it has met so far."""
    server.stdin.write("\n")
    server.stdin.flush()
    return int(server.stdout.readline())


def program_url():
    head, _, _ = os.environ["POLDER_DATABASE_URL"].rpartition("/")
    return f"{head}/{connection.settings_dict['NAME']}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("count", "answers"), [(1000, True), (10_000, True), (1000, False), (10_000, False)]
)
def test_numbers(server, count, answers, request):
    tls = "tls" in request.node.name
    make(count, [int(word) for word in server.stdout.readline().split()], tls)
    if not answers:
        server.send_signal(signal.SIGSTOP)
    prober = subprocess.Popen(
        [sys.executable, "-m", "django", "probe", "--region", "local"],
        cwd=ROOT,
        env={**os.environ, "POLDER_DATABASE_URL": program_url()},
    )
    seen = psutil.Process(prober.pid)
    time.sleep(45)  # the first round has begun
    met = served(server) if answers else 0
    before, began = seen.cpu_times(), time.monotonic()
    most = 0
    while time.monotonic() < began + 120:
        most = max(most, seen.memory_info().rss)
        time.sleep(0.25)
    after, seconds = seen.cpu_times(), time.monotonic() - began
    met = served(server) - met if answers else 0
    files = seen.num_fds()
    prober.terminate()
    prober.wait(60)
    cpu = after.user + after.system - before.user - before.system
    days = list(ProbeDay.objects.values_list("known", "bad"))
    known = sum(known.bit_count() for known, _ in days)
    bad = sum(bad.bit_count() for _, bad in days)
    latency = ProbeDay.objects.first()
    tenths = list(bytes(latency.latency)) if latency else []
    slow = sorted(int.from_bytes(tenths[at : at + 2], "big") for at in range(0, len(tenths), 2))[
        -1:
    ]
    print(
        f"\n{count} instances, {'TLS' if tls else 'open'}, "
        f"{'answering' if answers else 'hanging'}: "
        f"load {os.getloadavg()[0]:.1f}; "
        f"{100 * cpu / seconds:.1f} % of one processor, {most / 2**20:.0f} MiB at most, "
        f"{met / seconds:.0f} probes/s of {count / SECONDS:.0f}, "
        f"{1e3 * cpu / (met or 1):.2f} ms each, "
        f"{files} files, {known} minutes known, {bad} bad, p95 {slow} tenths of ms"
    )
    assert days
    # Servers and prober share the machine: where it could not make the probes, what it took to make
    # fewer is no measure of what they take.
    assert not answers or met > 0.95 * count * seconds / SECONDS
