"""The life of one copy: start everything in order, follow it, stop everything in order.

`up` is the parent of one supervisord, which is the parent of every server; each child asks the
kernel for a signal at its parent's death, so that no `kill -9` leaves anything behind.
"""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psutil
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from billing.einvoice import rules
from billing.pricebook.loading import load_prices
from portal.embedded import broker, database, demo, languages, programs, servers, static
from portal.embedded.refusal import Refusal
from portal.embedded.screen import Screen, Tail, last_lines
from portal.kernel.errors import BackendError
from services.backends.process import supervisor as supervising
from services.backends.process.supervisor import Program, Supervisor

_READY_SECONDS = 90
_LOOK_SECONDS = 0.25
_STATE_SECONDS = 5.0
_STOP_SECONDS = 35  # a worker has thirty under its supervisor
_KILL_SECONDS = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A person or the system asked us to stop."""


def run(screen: Screen, *, with_demo: bool) -> None:
    """Runs until told to stop. Raises: Refusal, OSError."""
    home = Path(settings.POLDER_HOME)
    for number in _SIGNALS:
        signal.signal(number, _stop)
    with contextlib.suppress(Stopped), _supervised(home, screen) as parent:
        logs = home / "logs"
        shown = (*programs.OURS, database.NAME, broker.NAME)
        tail = Tail({name: logs / f"{name}.log" for name in shown})
        _start(home, screen, with_demo=with_demo)
        _welcome(screen, home, with_demo=with_demo)
        _follow(home, screen, tail, parent)


def _stop(number: int, _frame: FrameType | None) -> None:
    for known in _SIGNALS:  # once is enough: what follows is orderly and bounded
        signal.signal(known, signal.SIG_IGN)
    raise Stopped(number)


# -- the supervisor -------------------------------------------------------------------------------


@contextmanager
def _supervised(home: Path, screen: Screen) -> Iterator[subprocess.Popen[bytes]]:
    """Servers prepared, supervisord running; everything stopped at the end, whatever happens."""
    for name in ("logs", "beat", "supervisor/conf.d"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "logs").chmod(0o700)
    (home / "beat").chmod(0o700)
    ready = servers.of(home)
    servers.prepare(ready, screen)
    # Ours start in their order, with the ports of today; what tenants ordered starts by itself.
    for file in Supervisor(home).conf.glob("*.ini"):
        if file.stem in programs.ALL or programs.is_ours(file.stem):
            file.unlink(missing_ok=True)
    try:
        supervising.configure(home)
    except BackendError as error:
        raise Refusal(
            f"The path {home} is too long.", "Set POLDER_HOME to a shorter one."
        ) from error
    parent = _spawn(home)
    try:
        _wait_alive(home, parent)
        servers.start(ready)
        yield parent
    finally:
        for known in _SIGNALS:
            signal.signal(known, signal.SIG_IGN)
        _stop_all(home, screen, parent)


def _spawn(home: Path) -> subprocess.Popen[bytes]:
    with (home / "supervisor" / "out.log").open("ab") as out:
        return subprocess.Popen(
            supervising.command(home),
            cwd=home,
            env=supervising.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us; we stop it in order
        )


def _wait_alive(home: Path, parent: subprocess.Popen[bytes]) -> None:
    supervisor, until = Supervisor(home), time.monotonic() + 20
    while not supervisor.alive():
        if parent.poll() is not None or time.monotonic() > until:
            raise Refusal(
                f"The supervisor did not start:\n{last_lines(home / 'supervisor' / 'out.log')}"
            )
        time.sleep(0.02)


def _stop_all(home: Path, screen: Screen, parent: subprocess.Popen[bytes]) -> None:
    """Who writes first, then the servers of tenants, then our own, then the supervisor."""
    screen.line("\nStopping …")
    began = time.monotonic()
    if parent.poll() is None:
        with contextlib.suppress(BackendError):
            _stop_in_order(Supervisor(home))
        parent.terminate()
        try:
            parent.wait(120)
        except subprocess.TimeoutExpired:
            parent.kill()
            parent.wait()
    screen.line(f"Stopped, {time.monotonic() - began:.1f} s.")


def _stop_in_order(supervisor: Supervisor) -> None:
    servers_of_ours = (broker.NAME, database.NAME)
    _stop_together(supervisor, programs.is_ours)
    _stop_together(supervisor, lambda name: name not in servers_of_ours)
    _stop_together(supervisor, lambda name: True)


def _stop_together(supervisor: Supervisor, chosen: Callable[[str], bool]) -> None:
    """Asks all at once and waits for all: the supervisor alone would take one after the other.
    What does not stop in its time is killed by the supervisor.
    """
    for name, state in supervisor.states().items():
        if chosen(name) and not state.ended:
            supervisor.stop(name)
    while any(chosen(name) and not state.ended for name, state in supervisor.states().items()):
        time.sleep(0.03)


# -- the start ------------------------------------------------------------------------------------


def _start(home: Path, screen: Screen, *, with_demo: bool) -> None:
    if not _migrated():
        with screen.step("Tables of the database", always=True):
            call_command("migrate", interactive=False, verbosity=0)
    with screen.step("Prices"):
        load_prices()
    if with_demo and not demo.exists():
        with screen.step("Demo organisation, project, region, users", always=True):
            demo.make(_demo_password())
    if stale := languages.stale():
        with screen.step("Languages", always=True):
            languages.compile_messages(stale)
    if not static.is_current():
        with screen.step("Style sheets, scripts, fonts", always=True):
            static.collect()
    supervisor = Supervisor(home)
    with screen.step("Web, worker, beat"):
        for program in programs.described(home):
            supervisor.start(program)
        connection.close()
        _wait_ready(home, supervisor)
    if not rules.is_installed():
        _fetch_rules(screen)


def _fetch_rules(screen: Screen) -> None:
    """No reason not to start: only invoices wait for them, and they say so."""
    said = ""
    with screen.step("Rules of electronic invoices", always=True) as step:
        try:
            rules.install(step.progress)
        except (BackendError, OSError) as error:
            said = getattr(error, "detail", "") or str(error)
    if said:
        screen.line(f"  not fetched: {said}")
        screen.line("  No invoice can be issued until `make einvoice-rules` has fetched them.")


def _migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _wait_ready(home: Path, supervisor: Supervisor) -> None:
    """Until the console answers and the worker runs. Raises: Refusal."""
    until = time.monotonic() + _READY_SECONDS
    while not _answers():
        states = supervisor.states()
        for name in programs.OURS:
            if states[name].word == "FATAL" or time.monotonic() > until:
                raise Refusal(
                    f"The program “{name}” does not start. The end of its log:\n"
                    f"{last_lines(home / 'logs' / f'{name}.log')}"
                )
        time.sleep(0.05)


def _answers() -> bool:
    client = http.client.HTTPConnection("127.0.0.1", settings.POLDER_PORT, timeout=10)
    try:
        client.request("GET", "/readyz", headers={"Host": "127.0.0.1"})
        return client.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def _demo_password() -> str:
    return settings.POLDER_DEMO_PASSWORD


def _welcome(screen: Screen, home: Path, *, with_demo: bool) -> None:
    screen.line(f"\nPolder runs at {settings.POLDER_URL}")
    if with_demo:
        screen.line(f"  sign in    owner@{demo.DOMAIN}   password  {_demo_password()}")
        screen.line(f"  also       admin@ operator@ billing@ viewer@ staff@{demo.DOMAIN}")
    screen.line(
        f"""
What to try next
  1. Sign in, choose PostgreSQL and order it: it runs in seconds.
  2. Copy the URI of its connection card, then: psql 'URI'
  3. Read the REST API at {settings.POLDER_URL}/api/docs/ and get a token with `make token`.
  4. Look behind the scenes at {settings.POLDER_URL}/admin/ (as staff@{demo.DOMAIN}).
  5. Press Ctrl-C to stop. `make run` brings everything back. All data lies in {home}.
"""
    )


# -- while it runs --------------------------------------------------------------------------------


def _follow(home: Path, screen: Screen, tail: Tail, parent: subprocess.Popen[bytes]) -> None:
    """Shows the programs' logs until told to stop. Raises: Refusal when the supervisor is gone."""
    look_again, told, family = 0.0, set[str](), list[psutil.Process]()
    following: list[Program] = []
    while parent.poll() is None:
        for line in tail.lines():
            screen.line(line)
        if time.monotonic() > look_again:
            look_again = time.monotonic() + _STATE_SECONDS
            family = _family(parent.pid) or family
            _tell_broken(home, screen, told)
            following = _follow_regions(home, screen, following)
        time.sleep(_LOOK_SECONDS)
    _, left = psutil.wait_procs(family, _STOP_SECONDS)  # the kernel has told them to stop
    for process in left:  # as their supervisor would have done
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=_KILL_SECONDS)
    raise Refusal(
        "Its supervisor ended, and with it every server.",
        f"Start again with `make run`. Its log is {home}/supervisor/supervisord.log.",
        what="Polder stopped.",
    )


def _follow_regions(home: Path, screen: Screen, known: list[Program]) -> list[Program]:
    """Worker, watches and probers as the regions of now want them; `known` are those of the last
    look. What cannot be done now is tried again at the next one.
    """
    try:
        wanted = programs.of_regions(home)
        if wanted != known:
            programs.follow_regions(home, wanted)
    except (DatabaseError, BackendError):
        return known
    finally:
        connection.close()
    if known and wanted != known:
        screen.line("The regions have changed: the worker starts anew, and the watch of each.")
    return wanted


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _tell_broken(home: Path, screen: Screen, told: set[str]) -> None:
    with contextlib.suppress(BackendError):
        states = Supervisor(home).states()
        for name in {*programs.ALL, *filter(programs.is_ours, states)}:
            broken = name in states and states[name].word == "FATAL"
            if broken and name not in told:
                screen.line(
                    f"The program “{name}” does not stay up; {home}/logs/{name}.log says why."
                )
            (told.add if broken else told.discard)(name)
