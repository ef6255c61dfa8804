"""Every refused start is one clear sentence, exit code 1, and no traceback."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREPARE = (
    "from portal.embedded import bootstrap, refusal; refusal.run(bootstrap.prepare_start); "
    "import sys; sys.exit('portal.conf' in sys.modules or 'django' in sys.modules)"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="drops to another user: only as root")
not_allowed = os.geteuid() != 0


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="polder-b"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The part of `manage.py up` that comes before Django, in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("POLDER_")}
    return subprocess.run(
        [sys.executable, "-c", PREPARE],
        cwd=ROOT,
        env={**clean, "POLDER_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("\nPolder did not start. ")
    return " ".join(done.stderr.split())


def test_first_start_generates_what_settings_need(home: Path, port: int) -> None:
    done = prepare(home, PORT=str(port))
    assert done.returncode == 0, done.stderr
    path = home / "environment"
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    for name in ("POLDER_SIGNING_KEY", "POLDER_SECRET_KEYS", "POLDER_DEMO_PASSWORD"):
        assert f"{name}=" in text
    assert f"PORT={port}\n" in text


def test_second_start_keeps_everything(home: Path, port: int) -> None:
    assert prepare(home, PORT=str(port)).returncode == 0
    before = (home / "environment").read_text()
    assert prepare(home, PORT=str(port)).returncode == 0
    assert (home / "environment").read_text() == before


def test_servers_of_ones_own_are_remembered_until_they_are_left_out(home: Path, port: int) -> None:
    url = "postgres://me:secret@db.example:5432/polder"
    assert prepare(home, PORT=str(port), POLDER_DATABASE_URL=url).returncode == 0
    assert f"POLDER_DATABASE_URL={url}\n" in (home / "environment").read_text()
    assert prepare(home, PORT=str(port)).returncode == 0
    assert "db.example" not in (home / "environment").read_text()


def test_address_of_another_kind_of_server(home: Path, port: int) -> None:
    said = refusal(prepare(home, PORT=str(port), POLDER_BROKER_URL="amqp://u:hidden@host/"))
    assert "POLDER_BROKER_URL is not the address" in said
    assert "hidden" not in said


def test_ctrl_c_while_it_begins(home: Path, port: int) -> None:
    begun = subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**os.environ, "POLDER_HOME": str(home), "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not home.exists():  # our first own step; Django is imported after it
        time.sleep(0.005)
    begun.send_signal(signal.SIGINT)
    try:
        said, _ = begun.communicate(timeout=60)
    finally:
        begun.kill()
    assert begun.returncode == -signal.SIGINT
    assert "Traceback" not in said


def test_busy_port(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refusal(prepare(home, PORT=str(port)))
    assert f"Port {port} of this machine is used by another program." in said
    assert f"PORT={port + 1} make run" in said


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "80 80"])
def test_port_that_is_none(home: Path, text: str) -> None:
    assert f"PORT is {text!r}." in refusal(prepare(home, PORT=text))


def test_second_copy_on_the_same_home(home: Path, port: int) -> None:
    assert prepare(home, PORT=str(port)).returncode == 0
    with (home / "lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write('{"pid": 4242, "port": 8123}'.ljust(60))
        held.flush()
        said = refusal(prepare(home, PORT=str(port)))
    assert "already runs" in said
    assert "(process 4242) at http://127.0.0.1:8123." in said


def test_stale_lock_of_a_dead_run(home: Path, port: int) -> None:
    """A file that nobody holds any more is no lock, whatever it says: not even our own number."""
    home.mkdir()
    (home / "lock").write_text(f'{{"pid": {os.getpid()}, "port": {port}}}')
    (home / "supervisor").mkdir()
    (home / "supervisor" / "supervisord.pid").write_text(str(os.getpid()))
    assert prepare(home, PORT=str(port)).returncode == 0


def test_data_of_another_postgresql_major(home: Path, port: int) -> None:
    (home / "database" / "data").mkdir(parents=True)
    (home / "database" / "data" / "PG_VERSION").write_text("16\n")
    said = refusal(prepare(home, PORT=str(port)))
    assert "was made by PostgreSQL 16; this release of Polder runs PostgreSQL 17" in said
    assert "manage.py backup FILE" in said


def test_database_without_its_keys(home: Path, port: int) -> None:
    (home / "database" / "data").mkdir(parents=True)
    (home / "database" / "data" / "PG_VERSION").write_text("17\n")
    assert "environment with the keys is gone" in refusal(prepare(home, PORT=str(port)))
    assert not (home / "environment").exists()


def test_path_too_long_for_sockets(home: Path) -> None:
    assert "is too long for the sockets below it" in refusal(prepare(home / ("x" * 80)))


@pytest.mark.parametrize("name", ["with space", "100%", "semi;colon"])
def test_path_that_a_configuration_cannot_carry(home: Path, name: str) -> None:
    assert "which the configuration of a server program cannot carry" in refusal(
        prepare(home / name)
    )


def test_home_that_is_a_file(home: Path) -> None:
    home.write_text("")
    assert "cannot be made" in refusal(prepare(home))


def test_home_below_a_file(home: Path) -> None:
    home.write_text("")
    assert "cannot be made" in refusal(prepare(home / "var"))


@as_root
def test_parent_closed_to_the_users_of_services(home: Path, port: int) -> None:
    home.parent.chmod(0o700)
    said = refusal(prepare(home, PORT=str(port)))
    assert f"{home.parent} is closed to other users" in said
    assert "POLDER_HOME=/var/lib/polder make run" in said


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of 8 MB of its own."""
    folder = Path(tempfile.mkdtemp(prefix="polder-d"))
    if (
        not_allowed
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", str(folder)], check=False
        ).returncode
    ):
        folder.rmdir()
        pytest.skip("NO DISK TO FILL: mounting needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_full_disk(disk: Path, port: int) -> None:
    said = refusal(prepare(disk / "home", PORT=str(port)))
    assert "is full: 8 MB are free, 700 MB are needed" in said


def test_read_only_directory(disk: Path, port: int) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    said = refusal(prepare(disk, PORT=str(port)))
    assert "cannot be written by this user (Read-only file system)" in said
    assert "Set POLDER_HOME to a directory that you can write to" in said


@as_root
def test_directory_of_another_user(home: Path, port: int) -> None:
    """An ordinary user needs nothing of Polder but a directory of their own."""
    python = next((p for p in ("/usr/bin/python3",) if Path(p).exists()), "")
    if not python or not os.access("/usr/bin/setpriv", os.X_OK):
        pytest.skip("NO SYSTEM PYTHON: apt-get install python3")
    home.mkdir(mode=0o755)
    copy = home.parent / "code" / "portal" / "embedded"
    copy.mkdir(parents=True)
    for name in ("__init__", "bootstrap", "environment", "refusal"):
        shutil.copy(ROOT / "portal" / "embedded" / f"{name}.py", copy)
    (copy.parent / "__init__.py").write_text("")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-c", PREPARE],
        cwd=copy.parents[1],
        env={"PATH": os.environ["PATH"], "POLDER_HOME": str(home), "PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "cannot be written by this user (Permission denied)" in refusal(done)
