"""The probes of deploy/ find out what works and what hangs: real programs, the real commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROGRAMS = (
    "base/worker",
    "base/beat",
    "region-programs/worker",
    "region-programs/watch",
    "region-programs/probe",
    "region-probe/probe",
)
RUN_HERE = ("base/worker", "base/beat", "region-programs/worker")  # a watch needs a cluster
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def container(name: str) -> dict[str, Any]:
    manifests = yaml.safe_load_all((DEPLOY / f"{name}.yaml").read_text())
    (deployment,) = (one for one in manifests if one["kind"] == "Deployment")
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def asked(name: str, probe: str, file: Path) -> bool:
    """What the kubelet would see, with `file` in the place of the pod's."""
    command = [part.replace("/tmp/alive", str(file)) for part in probe_of(name, probe)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def probe_of(name: str, probe: str) -> list[str]:
    command = container(name)[probe]["exec"]["command"]
    assert "/tmp/alive" in " ".join(command)
    return list(command)


@contextmanager
def running(name: str, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program as its manifest starts it."""
    arguments = [
        part.replace("/tmp/", f"{file.parent}/").replace("$(POLDER_REGION)", "eu-1")
        for part in container(name)["args"]
    ]
    program = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "POLDER_ALIVE_FILE": str(file)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield program
    finally:
        program.send_signal(signal.SIGCONT)
        program.terminate()
        program.wait(120)


def until(is_so: Any) -> None:
    end = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def age(file: Path, minutes: int) -> None:
    then = time.time() - 60 * minutes
    os.utime(file, (then, then))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_without_requests_has_probes(name: str) -> None:
    assert {"name": "POLDER_ALIVE_FILE", "value": "/tmp/alive"} in container(name)["env"]
    for probe in PROBES:
        assert probe_of(name, probe)


@pytest.mark.parametrize("name", PROGRAMS)
def test_age_decides(name: str, tmp_path: Path) -> None:
    file = tmp_path / "alive"
    assert [asked(name, probe, file) for probe in PROBES] == [False, False, False]
    file.touch()
    assert [asked(name, probe, file) for probe in PROBES] == [True, True, True]
    age(file, 3)
    assert [asked(name, probe, file) for probe in PROBES] == [False, False, True]
    age(file, 8)
    assert [asked(name, probe, file) for probe in PROBES] == [False, False, False]


@pytest.mark.engine
@pytest.mark.parametrize("name", RUN_HERE)
def test_what_hangs_is_found_and_what_goes_on_is_left_alone(name: str, tmp_path: Path) -> None:
    file = tmp_path / "alive"
    with running(name, file) as program:
        until(lambda: asked(name, "startupProbe", file))
        age(file, 8)
        until(lambda: asked(name, "livenessProbe", file))  # it has been touched again
        program.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(program.pid).status() == psutil.STATUS_STOPPED)
        age(file, 8)
        assert not asked(name, "livenessProbe", file)
        program.send_signal(signal.SIGCONT)
        until(lambda: asked(name, "livenessProbe", file))
