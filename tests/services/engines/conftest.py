"""Real engines under a real supervisor, driven through the process backend alone: no database, no
worker.

Engines are kept in a cache outside the checkout (`POLDER_TEST_CACHE`) and installed when a test
first needs them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from portal.kernel import crypto
from portal.kernel.errors import Temporary
from services import parameters, registry
from services.backends.process import certificates, engines
from services.backends.process import supervisor as supervising
from services.backends.process.backend import ProcessBackend
from services.spec import Backend, Credentials, Entry, InstanceSpec, Observation, Observed, Secret
from tests.cache import cache_folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "services/engines" in str(item.path):
            item.add_marker("engine")


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A data directory with a running supervisor, short enough for sockets and open to instance
    users.
    """
    folder = Path(tempfile.mkdtemp(prefix="polder-e"))
    folder.chmod(0o755)
    (folder / "engines").symlink_to(cache_folder() / "engines")
    before, settings.POLDER_HOME = settings.POLDER_HOME, folder
    supervising.configure(folder)
    parent = subprocess.Popen(
        supervising.command(folder), env=supervising.environment(), stdout=subprocess.DEVNULL
    )
    client = supervising.Supervisor(folder)
    until = time.monotonic() + 120
    while not client.alive():
        assert time.monotonic() < until, "the supervisor did not start"
        time.sleep(0.02)
    yield folder
    parent.terminate()
    parent.wait(60)
    settings.POLDER_HOME = before
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Handle:
    """One instance at work. Every method returns when the backend shows what was asked for."""

    backend: Any  # a ProcessBackend wherever a test looks at its home or its supervisor
    entry: Entry
    spec: InstanceSpec
    wait_seconds: float = 240

    @property
    def credentials(self) -> Credentials:
        return self.backend.credentials(self.entry, self.spec)

    @property
    def ca(self) -> str:
        """Path of the CA bundle that tenants download."""
        return str(certificates.bundle(self.backend.home))

    def ports(self) -> dict[str, int]:
        from services.backends.process import ports

        return ports.held_by(self.backend.home, self.spec.name)

    def apply(self) -> Handle:
        self._until(self.backend.apply, Observed.READY)
        return self

    def pause(self) -> None:
        self._next()
        self._until(self.backend.pause, Observed.PAUSED)

    def resume(self) -> None:
        self._next()
        self._until(self.backend.apply, Observed.READY)

    def change(self, *, plan: str | None = None, **values: Any) -> None:
        """Another plan or other parameters."""
        offering = self.entry.offering
        wanted = parameters.clean(offering, values, current=self.spec.parameters)
        chosen = offering.plan(plan) if plan else self.spec.plan
        self._next(parameters=wanted, plan=chosen)
        self._until(self.backend.apply, Observed.READY)

    def rotate(self) -> None:
        """A new password, as the `rotate` operation does it."""
        name = self.entry.offering.secrets[0]
        fresh = {**self.spec.secrets, name: Secret(crypto.new_password())}
        self.spec = replace(self.spec, secrets=fresh)
        self._until(self.backend.rotate, Observed.READY)

    def destroy(self) -> None:
        self._until(self.backend.destroy, Observed.ABSENT)

    def observe(self) -> Observation:
        return self.backend.observe(self.entry, self.spec)

    def _next(self, **fields: Any) -> None:
        self.spec = replace(self.spec, generation=self.spec.generation + 1, **fields)

    def _until(self, call: Callable[..., None], goal: Observed) -> None:
        until = time.monotonic() + self.wait_seconds
        while True:
            try:
                call(self.entry, self.spec, lambda code, **_: None)
            except Temporary as error:
                if time.monotonic() > until:
                    raise
                time.sleep(min(error.retry_after, 0.3))
                continue
            if self.observe().observed == goal:
                return
            assert time.monotonic() < until, f"{goal} not reached: {self.observe()}"
            time.sleep(0.02)


def make_handle(
    backend: Backend,
    slug: str,
    version: str | None = None,
    plan: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Handle:
    """An instance that nothing has been done for yet."""
    entry = registry.get(slug)
    offering = entry.offering
    spec = InstanceSpec(
        name=f"{offering.prefix}-{os.urandom(4).hex()}",
        namespace="polder-test",
        version=version or entry.versions("process")[0].id,
        plan=offering.plan(plan) if plan else offering.plans[0],
        parameters=parameters.clean(offering, values or {}),
        secrets={n: Secret(crypto.new_password()) for n in offering.secrets},
    )
    return Handle(backend, entry, spec)


def process_handle(
    home: Path,
    slug: str,
    version: str | None = None,
    plan: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Handle:
    """As `make_handle`, on the process backend; its engines are installed."""
    process = registry.get(slug).process
    assert process is not None
    handle = make_handle(ProcessBackend(home), slug, version, plan, values)
    for name in (process.engine(handle.spec.version), *process.ALSO):
        ensure_engine(name)
    return handle


@pytest.fixture
def run_offering(home: Path) -> Iterator[Callable[..., Handle]]:
    """`run_offering(slug, version=None, plan=None, parameters=None)` → a Handle whose instance is
    ready.
    """
    started: list[Handle] = []

    def run(
        slug: str,
        version: str | None = None,
        plan: str | None = None,
        values: dict[str, Any] | None = None,
        **more: Any,
    ) -> Handle:
        wanted = {**(values or {}), **more.pop("parameters", {}), **more}
        handle = process_handle(home, slug, version, plan, wanted)
        started.append(handle)
        return handle.apply()

    yield run
    for handle in started:
        handle.destroy()


def ensure_engine(name: str) -> None:
    """Engines are installed here and now; one that only its Debian package brings skips, loudly."""
    state = engines.state(name)
    if state.installed:
        return
    if state.code == "engine-missing-debian":
        word = f"engine {name} is not installed: apt install {registry.engine(name).source.package}"
        if os.environ.get("POLDER_REQUIRE_ENGINES"):
            pytest.fail(word)
        pytest.skip(word)
    engines.install(name)
