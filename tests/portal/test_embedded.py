"""A whole copy on this machine, as `make run` starts it: real servers, kills and restarts."""

from __future__ import annotations

import base64
import contextlib
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from portal.embedded import environment
from tests.cache import runtime_python
from tests.soak.installation import ROOT, Installation, free_port

pytestmark = pytest.mark.engine
GONE_SECONDS = 120
SECOND_START_SECONDS = 10


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    """A running copy with one PostgreSQL ordered, in which a row was written; on the packages and
    the PATH that users have.
    """
    environment = {"POLDER_OBSERVE_SECONDS": "2", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    found = Installation(environment, python=runtime_python())
    try:
        found.start()
        order(found, "kept")
        with psycopg.connect(uri(found), autocommit=True) as connection:
            connection.execute("create table t (word text)")
            connection.execute("insert into t values ('still here')")
        yield found
    finally:
        found.discard()


def order(place: Installation, name: str) -> str:
    wanted = {"offering": "postgresql", "plan": "dev-1x1", "region": "local", "name": name}
    ident = str(place.call("POST", "/projects/demo/instances", wanted)["instance"])
    return wait_for(place, ident)


def wait_for(place: Installation, ident: str) -> str:
    until = time.monotonic() + 240
    while place.call("GET", f"/instances/{ident}")["phase"] != "running":
        assert time.monotonic() < until, place.log_tail()
        time.sleep(0.1)
    return ident


def instance(place: Installation) -> str:
    return str(place.call("GET", "/instances")["results"][0]["id"])


def uri(place: Installation) -> str:
    found = place.call("GET", f"/instances/{instance(place)}/credentials")
    ca = place.home / "ca" / "bundle.pem"
    return f"{found['uri']}&sslrootcert={ca}"


def words(place: Installation) -> list[str]:
    until = time.monotonic() + 120
    while True:
        try:
            with psycopg.connect(uri(place)) as connection:
                return [row[0] for row in connection.execute("select word from t")]
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.1)


def wait_gone(place: Installation) -> None:
    until = time.monotonic() + GONE_SECONDS
    while left := place.processes():
        assert time.monotonic() < until, left
        time.sleep(0.1)


def said(place: Installation) -> str:
    return (place.home / "up.log").read_text()


def up(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("POLDER_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**clean, "POLDER_HOME": str(home), "PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


# -- the start -------------------------------------------------------------------------------------


def test_first_start_shows_its_steps_and_how_to_go_on(place: Installation) -> None:
    text = said(place)
    assert "Polder starts for the first time" in text
    for step in ("Making the database", "Tables of the database", "Demo organisation"):
        assert re.search(rf"  {step}.* [0-9.]+ s\n", text)
    assert f"Polder runs at http://127.0.0.1:{place.port}" in text
    assert "owner@demo.example" in text
    assert "What to try next" in text


def test_printed_login_works(place: Installation) -> None:
    found = re.search(r"sign in +(\S+) +password +(\S+)", said(place))
    assert found is not None
    base = f"http://127.0.0.1:{place.port}"
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = browser.open(f"{base}/accounts/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1], "login": found[1], "password": found[2]}
    request = urllib.request.Request(  # noqa: S310
        f"{base}/accounts/login/", urllib.parse.urlencode(form).encode(), {"Origin": base}
    )
    answer = browser.open(request)
    assert answer.url == f"{base}/"
    assert any("session" in cookie.name for cookie in jar)


def test_demo_has_a_user_for_each_role(place: Installation) -> None:
    members = place.call("GET", "/members?organisation=demo")["results"]
    roles = {member["role"] for member in members}
    assert roles == {"owner", "admin", "operator", "billing", "viewer"}


def test_everything_listens_on_loopback_only(place: Installation) -> None:
    pids = {process.pid for process in family(place)}
    listening = [
        c for c in psutil.net_connections("inet") if c.pid in pids and c.status == "LISTEN"
    ]
    assert len(listening) >= 4  # web, database, broker, the ordered server
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_no_secret_stands_in_arguments_or_logs(place: Installation) -> None:
    values = environment.read(place.home / "environment")
    secrets = {values[n] for n in ("POLDER_SIGNING_KEY", "POLDER_SECRET_KEYS")}
    for url in (values["POLDER_DATABASE_URL"], values["POLDER_BROKER_URL"]):
        secrets.add(str(urllib.parse.urlsplit(url).password))
    seen = []
    for process in family(place):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile
            seen.append(" ".join(process.cmdline()))
    seen += [path.read_text(errors="replace") for path in (place.home / "logs").glob("*.log")]
    seen.append(said(place))
    assert not [text for text in seen for secret in secrets if secret in text]


def test_data_directory_is_closed(place: Installation) -> None:
    assert (place.home / "environment").stat().st_mode & 0o777 == 0o600
    for name in ("logs", "supervisor", "beat"):
        assert (place.home / name).stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="as root only: servers drop to users of their own")
def test_as_root_no_server_runs_as_root(place: Installation) -> None:
    users = []
    for process in family(place):
        with contextlib.suppress(psutil.NoSuchProcess):  # a connection's, closed meanwhile
            if process.name().startswith(("postgres", "valkey")):
                users.append(process.username())
    assert len(users) > 2
    assert "root" not in users


def family(place: Installation) -> list[psutil.Process]:
    assert place.process is not None
    parent = psutil.Process(place.process.pid)
    return [parent, *parent.children(recursive=True)]


def test_second_up_on_the_same_home_is_refused(place: Installation) -> None:
    done = up(place.home, free_port())
    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert f"http://127.0.0.1:{place.port}" in done.stderr
    assert place.http("GET", "/readyz")[0] == 200


def test_busy_port_is_refused(place: Installation, tmp_path: Path) -> None:
    done = up(place.home.with_name(f"{place.home.name}-b"), place.port)
    assert done.returncode == 1
    assert f"Port {place.port} of this machine is used by another program." in done.stderr


def test_a_second_copy_runs_beside_it(place: Installation) -> None:
    other = Installation()
    try:
        other.start()
        assert other.call("GET", "/instances")["results"] == []
        assert len(place.call("GET", "/instances")["results"]) == 1
        order(other, "kept")
        assert words(place) == ["still here"]
    finally:
        other.discard()
    assert place.http("GET", "/readyz")[0] == 200


# -- stop, kill, start again -----------------------------------------------------------------------


def _terminate(place: Installation) -> None:
    assert place.process is not None
    place.process.terminate()


def _interrupt(place: Installation) -> None:
    """Ctrl-C goes to the whole foreground group."""
    assert place.process is not None
    os.killpg(place.process.pid, signal.SIGINT)


def _kill_up(place: Installation) -> None:
    assert place.process is not None
    place.process.kill()


def _kill_supervisor(place: Installation) -> None:
    pid = int((place.home / "supervisor" / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGKILL)


def _kill_both(place: Installation) -> None:
    _kill_up(place)
    _kill_supervisor(place)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (_terminate, 0),
        (_interrupt, 0),
        (_kill_up, -signal.SIGKILL),
        (_kill_supervisor, 1),
        (_kill_both, -signal.SIGKILL),
    ],
)
def test_whatever_ends_it_nothing_stays_and_everything_comes_back(
    place: Installation, end: Callable[[Installation], None], code: int
) -> None:
    assert place.process is not None
    end(place)
    assert place.process.wait(GONE_SECONDS) == code
    wait_gone(place)
    place.start()
    wait_for(place, instance(place))
    assert words(place) == ["still here"]


@pytest.mark.alone
def test_a_second_start_takes_ten_seconds_at_most(place: Installation) -> None:
    """The quickest of five at the most: a busy machine slows some of them."""
    taken: list[float] = []
    while len(taken) < 5 and not any(one <= SECOND_START_SECONDS for one in taken):
        place.stop()
        wait_gone(place)
        began = time.monotonic()
        place.start()
        taken.append(time.monotonic() - began)
    print(f"second starts: {', '.join(f'{one:.1f} s' for one in taken)}")
    assert min(taken) <= SECOND_START_SECONDS


def test_killed_and_started_at_once(place: Installation) -> None:
    """The new run waits for what the old one left."""
    _kill_up(place)
    place.start()
    assert words(place) == ["still here"]


def test_a_lost_supervisor_is_said(place: Installation) -> None:
    _kill_supervisor(place)
    assert place.process is not None
    place.process.wait(GONE_SECONDS)
    assert "Polder stopped. Its supervisor ended, and with it every server." in said(place)
    assert "Traceback" not in said(place)
    place.start()


def test_ports_taken_meanwhile_are_changed(place: Installation) -> None:
    place.stop()
    before = environment.read(place.home / "environment")["POLDER_DATABASE_URL"]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(str(urllib.parse.urlsplit(before).port))))
        taken.listen()
        place.start()
        after = environment.read(place.home / "environment")["POLDER_DATABASE_URL"]
        assert after != before
        assert words(place) == ["still here"]


def test_stale_files_of_a_dead_run(place: Installation) -> None:
    """As after a power cut: the numbers in them belong to other programs by now."""
    place.stop()
    for path in ("supervisor/supervisord.pid", "database/data/postmaster.pid"):
        (place.home / path).write_text(f"{os.getpid()}\n")
    place.start()
    assert words(place) == ["still here"]


# -- care ------------------------------------------------------------------------------------------


def test_backup_and_restore(place: Installation, tmp_path: Path) -> None:
    file = tmp_path / "polder.backup"
    place.manage("backup", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    refused(place, "exists", "backup", str(file))
    refused(place, "already runs", "restore", str(file))

    other = Installation()
    try:
        other.home.chmod(0o755)
        (other.home / "engines").symlink_to((place.home / "engines").resolve())
        (other.home / "instances" / "pg-deadbeef").mkdir(parents=True)
        damaged = tmp_path / "damaged"
        damaged.write_bytes(file.read_bytes()[:-200_000])
        refused(other, "is not a whole backup", "restore", str(damaged))
        refused(other, "is not a whole backup", "restore", str(tamper(file, tmp_path)))
        output = other.manage("restore", str(file))
        assert "Nothing was deleted: pg-deadbeef" in output
        assert (other.home / "instances" / "pg-deadbeef").is_dir()
        refused(other, "The database is not empty.", "restore", str(file))
        other.manage("restore", str(file), "--force")
        other.start()
        assert instance(other) == instance(place)
        assert (
            other.call("GET", f"/instances/{instance(other)}/credentials")["password"]
            == (place.call("GET", f"/instances/{instance(place)}/credentials")["password"])
        )
        assert (other.home / "ca" / "ca.pem").read_bytes() == (
            place.home / "ca" / "ca.pem"
        ).read_bytes()
        assert other.manage("verify-audit")
    finally:
        other.discard()


def tamper(file: Path, folder: Path) -> Path:
    """One byte of the dump changed, the rest as it was."""
    with tarfile.open(file) as tar:
        offset = tar.getmember("database.dump").offset_data
    data = bytearray(file.read_bytes())
    data[offset + 2000] ^= 1
    (folder / "tampered").write_bytes(data)
    return folder / "tampered"


def refused(place: Installation, sentence: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=place._environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_backup_of_a_stopped_copy(place: Installation, tmp_path: Path) -> None:
    place.stop()
    place.manage("backup", str(tmp_path / "polder.backup"))
    wait_gone(place)
    place.start()
    assert words(place) == ["still here"]


def test_rotated_keys_at_work(place: Installation) -> None:
    def keys() -> str:
        return environment.read(place.home / "environment")["POLDER_SECRET_KEYS"]

    before, secret = keys(), credentials(place)
    assert "secrets are stored under the newest key" in place.manage("rotate-keys")
    assert keys() != before
    assert credentials(place) == secret
    operation = place.call("POST", f"/instances/{instance(place)}/rotate")
    until = time.monotonic() + 120
    while place.call("GET", f"/operations/{operation['id']}")["state"] != "succeeded":
        assert time.monotonic() < until, place.log_tail()
        time.sleep(0.1)
    assert credentials(place) != secret
    assert words(place) == ["still here"]


def credentials(place: Installation) -> Any:
    return place.call("GET", f"/instances/{instance(place)}/credentials")["password"]


def test_a_region_is_probed_and_its_prober_comes_back(place: Installation) -> None:
    wait_until(lambda: place.program_pid("probe-local"))
    first = place.program_pid("probe-local")
    assert place.kill_program("probe-local")
    wait_until(lambda: place.program_pid("probe-local") not in (0, first))
    asked = "from services.instances.probing import *"
    told = "print(len(targets_of(Region.objects.get(code='local'), outside=False)))"
    assert place.manage("shell", "--no-imports", "-c", f"{asked}; {told}").strip() == "1"


def test_a_cluster_that_is_added_takes_part_without_a_restart(
    place: Installation, tmp_path: Path
) -> None:
    """Its queue has a worker and it has a watch, which comes back when it dies."""
    add_cluster(place, tmp_path)
    wait_until(lambda: place.program_pid("watch-eu-1"))
    wait_until(lambda: "region-eu-1" in arguments_of(place, "worker"))
    first = place.program_pid("watch-eu-1")
    assert place.kill_program("watch-eu-1")
    wait_until(lambda: place.program_pid("watch-eu-1") not in (0, first))
    off = "from services.regions.models import Region as R; R.objects.filter(code='eu-1')"
    place.manage("shell", "--no-imports", "-c", f"{off}.update(status='off')")
    described = place.home / "supervisor" / "conf.d" / "watch-eu-1.ini"
    wait_until(lambda: not described.exists())
    assert not place.program_pid("watch-eu-1")
    wait_until(lambda: place.program_pid("worker"))
    assert "region-eu-1" not in arguments_of(place, "worker")


def add_cluster(place: Installation, folder: Path) -> None:
    """A region of a cluster that does not answer."""
    server = {"server": f"https://127.0.0.1:{free_port()}", "certificate-authority-data": _PEM}
    made = {
        "clusters": [{"name": "a", "cluster": server}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "one", "context": {"cluster": "a", "user": "u"}}],
        "current-context": "one",
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(made))
    named = ("--name", "EU 1", "--country", "NL")
    place.manage("region", "add", "eu-1", *named, "--kubeconfig", str(file))


_PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()


def arguments_of(place: Installation, name: str) -> str:
    pid = place.program_pid(name)
    with contextlib.suppress(psutil.NoSuchProcess):  # being started anew
        return " ".join(psutil.Process(pid).cmdline()) if pid else ""
    return ""


def wait_until(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.2)
