"""What is read of processes and of pods, without a server of either."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from portal.kernel.errors import Permanent
from services.backends.kubernetes import readings as of_pods
from services.backends.process import ports
from services.backends.process import readings as of_processes
from services.backends.process.layout import Folder
from services.backends.process.supervisor import State
from services.spec import Reading

_BUSY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "x = bytearray(64 * 2**20); input()"],
                         stdin=subprocess.PIPE)
until = time.process_time() + 0.15
while time.process_time() < until: pass
print("ready", flush=True)
input()
child.communicate(b"\\n")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home):
    """A process with a child, as the supervisor would show it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    Folder(home, "pg-1").path.mkdir(parents=True)
    yield State("pg-1", "RUNNING", process.pid)
    process.communicate(b"\n")


def test_a_whole_tree_of_processes_is_added_up(home, server):
    found = of_processes.read(home, {"pg-1": server}, ["pg-1", "pg-2"])
    assert set(found) == {"pg-1"}
    assert found["pg-1"].cpu_milliseconds >= 150
    assert found["pg-1"].memory_mib >= 64
    assert found["pg-1"].connections == 0


def test_what_has_stopped_is_left_out(home, server):
    stopped = State("pg-1", "STOPPED", 0)
    assert of_processes.read(home, {"pg-1": stopped}, ["pg-1"]) == {}
    gone = State("pg-1", "RUNNING", 2**22 + 1)
    assert of_processes.read(home, {"pg-1": gone}, ["pg-1"]) == {}


_CLIENT = """
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("there", flush=True)
input()
"""


def test_connections_of_clients_count_and_ours_do_not(home, server, monkeypatch):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        monkeypatch.setattr(ports, "held_by", lambda home, name: {"client": port})
        with socket.create_connection(("127.0.0.1", port)):
            found = of_processes.read(home, {"pg-1": server}, ["pg-1"])
            assert found["pg-1"].connections == 0
            elsewhere = subprocess.Popen(
                [sys.executable, "-c", _CLIENT, str(port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert elsewhere.stdout.readline() == b"there\n"
            monkeypatch.setattr(of_processes, "_ours", lambda *_: {os.getpid()})
            found = of_processes.read(home, {"pg-1": server}, ["pg-1"])
            assert found["pg-1"].connections == 1
            elsewhere.communicate(b"\n")


# -- pods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12345678n", "0.012345678"),
        ("1500u", "0.0015"),
        ("250m", "0.25"),
        ("2", "2"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        ("123456Ki", str(123456 * 1024)),
        ("3Mi", str(3 * 2**20)),
        ("2G", "2000000000"),
    ],
)
def test_quantities(text, value):
    assert of_pods.amount(text) == Decimal(value)


def pod(name: str, cpu: str, memory: str, **labels: str) -> dict[str, Any]:
    containers = [
        {"name": "main", "usage": {"cpu": cpu, "memory": memory}},
        {"name": "side", "usage": {"cpu": "10m", "memory": "16Mi"}},
    ]
    return {"metadata": {"name": name, "labels": labels}, "containers": containers}


class Cluster:
    """Answers as `Objects` does."""

    def __init__(self, served: bool, *pods: dict[str, Any]) -> None:
        self.served, self.pods, self.asked = served, pods, list[str]()

    def serves(self, api: str, kind: str) -> bool:
        return self.served

    def list(self, api: str, kind: str, namespace: str) -> list[dict[str, Any]]:
        self.asked.append(namespace)
        return list(self.pods)


def wanted(*names: str) -> Any:
    def selectors(spec: Any) -> tuple[dict[str, str], ...]:
        return ({"cluster": spec.name},)

    renderer = SimpleNamespace(selectors=selectors)
    return [(renderer, SimpleNamespace(name=name, namespace="polder-x")) for name in names]


def test_the_busiest_pod_counts_with_its_side_cars():
    cluster: Any = Cluster(
        True,
        pod("pg-1-1", "700m", "100Mi", cluster="pg-1"),
        pod("pg-1-2", "20m", "300Mi", cluster="pg-1"),
        pod("pg-2-1", "1", "1Gi", cluster="pg-2"),
        pod("other", "8", "8Gi"),
    )
    assert of_pods.read(cluster, wanted("pg-1", "pg-2", "pg-3")) == {
        "pg-1": Reading(memory_mib=316, millicores=710),
        "pg-2": Reading(memory_mib=1040, millicores=1010),
    }
    assert cluster.asked == ["polder-x"]


def test_pods_without_labels_are_known_by_their_names():
    cluster: Any = Cluster(True, pod("pg-1-0", "5m", "32Mi"), pod("pg-11-0", "5m", "32Mi"))
    assert set(of_pods.read(cluster, wanted("pg-1"))) == {"pg-1"}


def test_a_cluster_without_metrics_refuses():
    with pytest.raises(Permanent) as told:
        of_pods.read(Cluster(False), wanted("pg-1"))  # type: ignore[arg-type]  # a double
    assert told.value.code == "metrics-not-served"
