"""What every backend promises (`services.spec.Backend`), asked of the fake one and of real servers.

The fake backend is what most tests stand on: a promise that it keeps and the real one does not
would prove nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from portal.kernel.errors import BackendError, Temporary
from services.backends.fake import FakeBackend
from services.instances.texts import step_text
from services.spec import Capability, Observed
from tests.services.engines.conftest import Handle, make_handle, process_handle

REAL = [
    pytest.param(("process", slug), id=f"process-{slug}", marks=pytest.mark.engine)
    for slug in ("redis", "postgresql")
]
FAKE = [pytest.param(("fake", slug), id=f"fake-{slug}") for slug in ("redis", "postgresql")]


@pytest.fixture(params=[*FAKE, *REAL])
def handle(request: pytest.FixtureRequest) -> Iterator[Handle]:
    """An instance that nothing has been done for yet."""
    kind, slug = request.param
    if kind == "fake":
        yield make_handle(FakeBackend(), slug)
        return
    found = process_handle(request.getfixturevalue("home"), slug)
    yield found
    found.destroy()


class Told:
    """A `Report` that remembers the steps."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def __call__(self, code: str, *, percent: int | None = None, **params: Any) -> None:
        self.codes.append(code)


def calls(handle: Handle, method: str) -> Told:
    """Calls once or, where it says "come back later", again."""
    told, call = Told(), getattr(handle.backend, method)
    for _ in range(200):
        try:
            call(handle.entry, handle.spec, told)
        except Temporary:
            continue
        return told
    raise AssertionError(f"{method} did not come to an end")


def test_what_was_never_made_is_absent(handle: Handle) -> None:
    assert handle.observe().observed == Observed.ABSENT
    handle.destroy()
    assert handle.observe().observed == Observed.ABSENT


def test_apply_until_ready_and_again(handle: Handle) -> None:
    handle.apply()
    first, shown = handle.observe(), handle.credentials
    assert first.endpoints
    assert {e.host for e in first.endpoints} == {"127.0.0.1"}
    handle.apply()
    calls(handle, "apply")
    again = handle.observe()
    assert (again.observed, again.endpoints) == (Observed.READY, first.endpoints)
    assert handle.credentials == shown


def test_a_changed_generation_is_applied_too(handle: Handle) -> None:
    handle.apply()
    before = handle.credentials
    handle.change(max_connections=200)
    assert handle.observe().observed == Observed.READY
    assert handle.credentials == before


def test_what_an_apply_would_change_is_told_and_stays_as_it_is(handle: Handle) -> None:
    def behind(**parameters: Any) -> list[tuple[str, bool | None]]:
        wanted = {**handle.spec.parameters, **parameters}
        spec = dataclasses.replace(handle.spec, parameters=wanted)
        return [(one.change, one.restart) for one in handle.backend.behind(handle.entry, spec)]

    assert behind() == []  # nothing was applied
    handle.apply()
    before = handle.observe()
    assert behind() == []
    assert behind(max_connections=200) == [("changed", True)]
    assert (behind(), handle.observe()) == ([], before)
    handle.change(max_connections=200)
    assert behind() == []


def test_pause_and_resume_may_be_repeated(handle: Handle) -> None:
    handle.apply()
    before = handle.observe().endpoints
    handle.pause()
    assert handle.observe().observed == Observed.PAUSED
    calls(handle, "pause")
    assert handle.observe().observed == Observed.PAUSED
    handle.resume()
    calls(handle, "apply")
    assert (handle.observe().observed, handle.observe().endpoints) == (Observed.READY, before)


def test_stop_is_a_pause_that_keeps_everything(handle: Handle) -> None:
    handle.apply()
    calls(handle, "stop")
    assert handle.observe().observed == Observed.PAUSED
    handle.resume()
    assert handle.observe().observed == Observed.READY


def test_rotate_may_be_repeated(handle: Handle) -> None:
    handle.apply()
    before = handle.credentials
    handle.rotate()
    after = handle.credentials
    assert after.password != before.password
    assert (after.username, after.host, after.port) == (before.username, before.host, before.port)
    calls(handle, "rotate")
    assert (handle.observe().observed, handle.credentials) == (Observed.READY, after)


def test_rotate_back_and_forth(handle: Handle) -> None:
    """What a cancelled rotation does: the earlier secret is set once more."""
    handle.apply()
    first = handle.spec
    handle.rotate()
    handle.spec = first
    calls(handle, "rotate")
    assert handle.observe().observed == Observed.READY
    assert handle.credentials.password == first.secrets["password"]


@pytest.mark.parametrize("before", ["apply", "pause"])
def test_destroy_twice(handle: Handle, before: str) -> None:
    handle.apply()
    if before == "pause":
        handle.pause()
    handle.destroy()
    assert handle.observe().observed == Observed.ABSENT
    handle.destroy()
    calls(handle, "destroy")
    assert handle.observe().observed == Observed.ABSENT


def test_what_was_destroyed_can_be_made_anew(handle: Handle) -> None:
    handle.apply()
    handle.destroy()
    handle.apply()
    assert handle.observe().observed == Observed.READY


def test_endpoints_tell_no_secret_and_credentials_tell_the_password(handle: Handle) -> None:
    handle.apply()
    secrets, found = handle.spec.secrets, handle.credentials
    for endpoint in handle.observe().endpoints:
        assert not [s for s in secrets.values() if s in endpoint.uri]
    assert found.password == secrets["password"]
    assert found.password in found.uri
    assert str(found.password) not in repr(found)
    assert not [
        s for s in secrets.values() if s in handle.backend.logs(handle.entry, handle.spec, 9)
    ]


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("create", "apply"),
        ("pause", "pause"),
        ("rotate", "rotate"),
        ("delete", "stop"),
        ("purge", "destroy"),
    ],
)
def test_what_is_reported_was_announced(handle: Handle, kind: str, method: str) -> None:
    """A person sees the steps before they begin; each has a text."""
    if kind != "create":
        handle.apply()
    announced = handle.backend.steps(handle.entry, handle.spec, kind)
    told = calls(handle, method)
    assert told.codes
    assert set(told.codes) <= set(announced)
    for code in announced:
        assert step_text(code, {})[0] != code


def test_no_change_has_no_effect_and_another_plan_says_its_effect(handle: Handle) -> None:
    handle.apply()
    ask: Callable[..., str] = handle.backend.effect
    larger = dataclasses.replace(handle.spec, plan=handle.entry.offering.plans[1])
    assert ask(handle.entry, handle.spec, handle.spec) == "none"
    assert ask(handle.entry, handle.spec, larger) in ("rolling", "restart", "replace")


def test_rotation_of_what_is_not_there_is_a_fault_that_is_told(handle: Handle) -> None:
    with pytest.raises(BackendError):
        handle.backend.rotate(handle.entry, handle.spec, Told())
    assert handle.observe().observed == Observed.ABSENT


@pytest.mark.engine
@pytest.mark.parametrize("handle", REAL, indirect=True)
def test_a_real_server_listens_on_loopback_alone(handle: Handle) -> None:
    """By the kernel's word, not by the configuration's."""
    handle.apply()
    assert Capability.PAUSE in handle.entry.process.CAPABILITIES
    parent = psutil.Process(handle.backend.supervisor.state(handle.spec.name).pid)
    family = [parent, *parent.children(recursive=True)]
    open_ports, words = set(), []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a helper's, ended meanwhile
            found = process.net_connections("inet")
            open_ports |= {c.laddr for c in found if c.status == "LISTEN"}
            words += process.cmdline()
    assert {a.port for a in open_ports} == set(handle.ports().values())
    assert {a.ip for a in open_ports} == {"127.0.0.1"}
    assert not [s for s in handle.spec.secrets.values() for w in words if s in w]
