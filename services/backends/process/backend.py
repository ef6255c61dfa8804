"""The process backend: each instance is one real server on this machine, under the supervisor.

For evaluation and development. It is not a tenant boundary: one region serves one organisation.
Every stage is remembered on disk and may be repeated after a crash at any line.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from django.conf import settings

from portal.kernel.errors import BackendError, Permanent, Temporary
from services import registry
from services.backends.process import (
    certificates,
    counters,
    engines,
    installing,
    pool,
    ports,
    programs,
    readings,
    usage,
    users,
)
from services.backends.process.counters import Server
from services.backends.process.layout import Folder, discard, size_mib, tail, write_file
from services.backends.process.run import Surroundings, run, succeeds
from services.backends.process.supervisor import Supervisor
from services.spec import (
    Credentials,
    Difference,
    Effect,
    Entry,
    Health,
    InstanceSpec,
    Observation,
    Observed,
    Place,
    Process,
    ProcessSpec,
    Reading,
    Report,
    UsageAsked,
    UsageTold,
)

_PATIENCE_SECONDS = 1.5  # how long one step may wait for readiness before it gives the worker back
_POLL_SECONDS = 0.015

_STEPS = {
    "create": ("place", "data", "start", "ready", "access"),
    "undelete": ("place", "start", "ready"),
    "resume": ("start", "ready"),
    "update": ("configure", "ready"),
    "repair": ("configure", "ready"),
    "rotate": ("rotate", "ready"),
    "pause": ("stop",),
    "delete": ("stop",),
    "purge": ("stop", "remove"),
}


class ProcessBackend:
    """See services.spec.Backend for the contract."""

    poll_seconds = 0.3

    def __init__(self, home: Path | None = None) -> None:
        self.home = Path(home or settings.POLDER_HOME)
        self.supervisor = Supervisor(self.home)

    def check(self) -> Health:
        """Whether the supervisor answers, and which offerings cannot run here and why."""
        missing = {}
        for slug, entry in registry.entries().items():
            reason = installing.cannot_run(entry)
            if reason is not None:
                missing[slug] = reason
        alive = self.supervisor.alive()
        return Health(alive, "" if alive else "supervisor-down", missing)

    def steps(self, entry: Entry, spec: InstanceSpec, kind: str) -> tuple[str, ...]:
        codes = _STEPS.get(kind, ())
        wants_engine = kind in ("create", "undelete", "resume", "update", "repair")
        if wants_engine and not engines.state(_renderer(entry).engine(spec.version)).installed:
            return ("engine", *codes)
        return codes

    def effect(self, entry: Entry, before: InstanceSpec, after: InstanceSpec) -> Effect:
        """What a change means for who is connected: the same comparison that `apply` makes."""
        old, new = (self._render(entry, s, self._place(entry, s)) for s in (before, after))
        if old.argv != new.argv or old.env != new.env:
            return "restart"
        if old.files != new.files:
            return "restart" if new.reload == "restart" else "none"
        return "none"

    # -- towards the desired state ---------------------------------------------------------------

    def apply(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        folder = Folder(self.home, spec.name)
        with _told(spec):
            installing.ensure(self.supervisor, _needed(entry, spec), report)
            if folder.user:
                users.ensure_user(folder.user)
            folder.make()
            with folder.locked():
                self._apply(entry, spec, folder, report)

    def _apply(self, entry: Entry, spec: InstanceSpec, folder: Folder, report: Report) -> None:
        progress = folder.progress()
        progress.slug = entry.offering.slug
        creating = not progress.set_up
        if not progress.initialised:
            report("place")
        place, renewed = self._settle(entry, spec, folder)
        around = self._around(folder)
        if not progress.prepared:
            report("data")
            pool.fill(self.home, entry, spec.version, folder, place, around)
            progress.prepared = True
            folder.remember(progress)
        process = self._render(entry, spec, place)
        changed = self._write_files(process, folder)
        if not progress.initialised:
            for action in process.init:
                run(action, around)
            progress.initialised = True
            folder.remember(progress)
        report("start" if creating or progress.paused else "configure")
        started = self._start(process, spec, folder)
        if (changed or renewed) and not started:
            self._reload(process, spec, folder)
        # Before it is ready: a slow start must not be taken for changed files and begun anew.
        progress.digest = _digest(process)
        folder.remember(progress)
        report("ready")
        self._wait_ready(process, spec, folder)
        if creating:
            report("access")
            for action in process.setup:
                run(action, around)
            counters.begin(self._server(entry, spec), self.supervisor.state(spec.name))
        progress.set_up, progress.paused = True, False
        progress.generation = spec.generation
        folder.remember(progress)

    def _settle(self, entry: Entry, spec: InstanceSpec, folder: Folder) -> tuple[Place, bool]:
        """Ports and certificate; whether the certificate is new."""
        names = [listener.name for listener in _renderer(entry).LISTENERS]
        ports.allocate(self.home, spec.name, names)
        renewed = certificates.issue(self.home, folder.config, f"{spec.name}.localhost")
        users.give(folder.config, folder.user)
        users.give(folder.run, folder.user)
        return self._place(entry, spec), renewed

    def _start(self, process: ProcessSpec, spec: InstanceSpec, folder: Folder) -> bool:
        return self.supervisor.start(programs.program_of(process, spec.name, folder))

    def _reload(self, process: ProcessSpec, spec: InstanceSpec, folder: Folder) -> None:
        """Makes a running server take over changed files."""
        if process.reload == "restart":
            if not self.supervisor.stop(spec.name, wait_seconds=_PATIENCE_SECONDS):
                raise Temporary("stopping", retry_after=0.3)
            self._start(process, spec, folder)
        elif isinstance(process.reload, str):
            pid = self.supervisor.state(spec.name).pid
            if pid:
                os.kill(pid, signal.Signals[f"SIG{process.reload}"])
        else:
            run(process.reload, self._around(folder))

    def _write_files(self, process: ProcessSpec, folder: Folder) -> bool:
        """Whether any file differs from what the server last took over."""
        for file in process.files:
            path = folder.config / file.path
            if not path.exists() or path.read_text() != file.content:
                write_file(path, file.content, folder.user)
        return _digest(process) != folder.progress().digest

    def _wait_ready(self, process: ProcessSpec, spec: InstanceSpec, folder: Folder) -> None:
        around, why = self._around(folder), ""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            found = succeeds(process.ready, around)
            if found is None:
                return
            why = found
            state = self.supervisor.state(spec.name)
            if state.word == "FATAL":
                raise Permanent("engine-crashed", detail=tail(folder.log) or state.detail)
            time.sleep(_POLL_SECONDS)
        raise Temporary("engine-not-ready", retry_after=0.2, detail=why)

    # -- looking ---------------------------------------------------------------------------------

    def observe(self, entry: Entry, spec: InstanceSpec) -> Observation:
        folder = Folder(self.home, spec.name)
        if not folder.exists():
            return Observation(Observed.ABSENT)
        progress, state = folder.progress(), self.supervisor.state(spec.name)
        if progress.paused and state.ended:
            return Observation(Observed.PAUSED, storage_used_mib=size_mib(folder.data))
        if state.word == "FATAL":
            return Observation(Observed.FAILED, "engine-crashed", tail(folder.log))
        if not progress.set_up or progress.generation != spec.generation:
            return Observation(Observed.PROGRESSING)
        if not state.running:
            return Observation(Observed.DEGRADED, "engine-stopped", state.word)
        process = self._render(entry, spec, self._place(entry, spec))
        why = succeeds(process.ready, self._around(folder))
        if why is not None:
            return Observation(Observed.DEGRADED, "engine-not-ready", _redact(why, spec))
        return Observation(
            Observed.READY, endpoints=process.endpoints, storage_used_mib=size_mib(folder.data)
        )

    def credentials(self, entry: Entry, spec: InstanceSpec) -> Credentials:
        """`ca_certificate` is the text of the installation's CA bundle, where the engine has
        TLS.
        """
        found = self._render(entry, spec, self._place(entry, spec)).credentials
        if not found.ca_certificate:
            return found
        return replace(found, ca_certificate=Path(found.ca_certificate).read_text())

    def logs(self, entry: Entry, spec: InstanceSpec, lines: int) -> str:
        """The newest `lines` of the server's own log."""
        text = tail(Folder(self.home, spec.name).log, 400 * lines)
        return _redact("\n".join(text.splitlines()[-lines:]), spec)

    def readings(self, wanted: Sequence[tuple[Entry, InstanceSpec]]) -> Mapping[str, Reading]:
        """Of the processes and sockets of this machine, which are looked at once for all."""
        return readings.read(self.home, self.supervisor.states(), [spec.name for _, spec in wanted])

    def usage(self, wanted: UsageAsked, until: datetime) -> UsageTold:
        return usage.read(self.home, wanted)

    def counters(self, wanted: UsageAsked, until: datetime) -> UsageTold:
        """Of the servers themselves. There is no traffic to count: it stays on the machine."""
        return counters.read(wanted, self.supervisor.states, self._server)

    # -- other changes ---------------------------------------------------------------------------

    def pause(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        folder = Folder(self.home, spec.name)
        if not folder.exists():
            return
        with _told(spec), folder.locked():
            report("stop")
            self._stop(spec.name)
            progress = folder.progress()
            progress.paused, progress.generation = True, spec.generation
            folder.remember(progress)

    def stop(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        """Into the bin: stopped, its data kept."""
        self.pause(entry, spec, report)

    def rotate(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        """Makes the running server take the secrets of `spec`."""
        folder = Folder(self.home, spec.name)
        with _told(spec), folder.locked():
            report("rotate")
            process = self._render(entry, spec, self._place(entry, spec))
            changed = self._write_files(process, folder)
            for action in process.rotate:
                run(action, self._around(folder))
            if changed and not self._start(process, spec, folder):
                self._reload(process, spec, folder)
            progress = folder.progress()
            progress.digest = _digest(process)
            folder.remember(progress)
            report("ready")
            self._wait_ready(process, spec, folder)

    def correct(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        self.apply(entry, spec, report)

    def behind(self, entry: Entry, spec: InstanceSpec) -> tuple[Difference, ...]:
        folder = Folder(self.home, spec.name)
        if not folder.exists() or not folder.progress().set_up:
            return ()
        process = self._render(entry, spec, self._place(entry, spec))
        runs = self.supervisor.holds(programs.program_of(process, spec.name, folder))
        return programs.differences(process, folder, same_program=runs)

    def destroy(
        self, entry: Entry, spec: InstanceSpec, report: Report, *, force: bool = False
    ) -> None:
        """Server, data, ports and user are gone afterwards; nothing can be brought back."""
        folder = Folder(self.home, spec.name)
        report("stop")
        self._stop(spec.name)
        report("remove")
        if folder.exists():
            with folder.locked():
                if folder.user and users.exists(folder.user):
                    users.end_processes(folder.user)
                discard(self.home, folder.path)
        ports.release(self.home, spec.name)
        if folder.user:
            users.remove_user(folder.user)

    def _stop(self, name: str) -> None:
        if not self.supervisor.pause(name, wait_seconds=_PATIENCE_SECONDS):
            raise Temporary("stopping", retry_after=0.3)

    # -- rendering -------------------------------------------------------------------------------

    def _place(self, entry: Entry, spec: InstanceSpec) -> Place:
        folder, process = Folder(self.home, spec.name), _renderer(entry)
        held = ports.held_by(self.home, spec.name)
        listeners = [listener.name for listener in process.LISTENERS]
        return pool.place(
            self.home,
            entry,
            spec.version,
            data=folder.data,
            config=folder.config,
            run_folder=folder.run,
            held={name: held.get(name, 0) for name in listeners},
        )

    def _render(self, entry: Entry, spec: InstanceSpec, place: Place) -> ProcessSpec:
        return _renderer(entry).process(spec, place)

    def _server(self, entry: Entry, spec: InstanceSpec) -> Server:
        folder = Folder(self.home, spec.name)
        counting = self._render(entry, spec, self._place(entry, spec)).counting
        return Server(folder, counting, self._around(folder))

    def _around(self, folder: Folder) -> Surroundings:
        return Surroundings(
            folder.user,
            folder.data,
            certificates.bundle(self.home),
            {
                "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                "LANG": "C.UTF-8",
                "HOME": str(folder.data),
                "TMPDIR": str(folder.run),
            },
        )


def _renderer(entry: Entry) -> Process:
    if entry.process is None:
        raise Permanent("not-here", offering=entry.offering.slug)
    return entry.process


def _needed(entry: Entry, spec: InstanceSpec) -> tuple[str, ...]:
    process = _renderer(entry)
    return (process.engine(spec.version), *process.ALSO)


def _digest(process: ProcessSpec) -> str:
    text = "\0".join(f"{file.path}\0{file.content}" for file in process.files)
    return hashlib.sha256(text.encode()).hexdigest()


def _redact(text: str, spec: InstanceSpec) -> str:
    for secret in spec.secrets.values():
        if secret:
            text = text.replace(str(secret), "…")
    return text


class _told:  # reads as a word: `with _told(spec)`
    """Keeps the instance's secrets out of what an engine said in an error."""

    def __init__(self, spec: InstanceSpec) -> None:
        self.spec = spec

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BackendError):
            error.detail = _redact(error.detail, self.spec)
            error.args = (f"{error.code}: {error.detail}",)
