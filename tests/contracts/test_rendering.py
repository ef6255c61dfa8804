"""What the renderers of every offering make, for every plan, version and parameter.

They are called with a made-up place and made-up secrets, so that a rule that is broken shows here
and not on a server.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from services.spec import Client, Entry, Exec, Http, ProcessSpec, Secret, Sql, Talk
from tests.contracts.made_up import (
    ENGINES,
    ENTRIES,
    RUNNING,
    each,
    made_up_place,
    made_up_spec,
    process_specs,
    rendered,
)

# Offerings whose address holds no password by design, with the reason.
NO_PASSWORD_IN_URI = {"object-storage": "S3 signs requests with the key; URLs never hold it"}


def actions_of(process: ProcessSpec) -> list[Any]:
    reload = [] if isinstance(process.reload, str) else [process.reload]
    return [process.ready, *process.init, *process.setup, *process.rotate, *reload]


_NOWHERE = ("0.0.0.0", "[::]", "::0")  # noqa: S104
_EVERYWHERE = re.compile(
    r"(?:^|[\s\"'=/])(?:\*|::):\d+"  # *:5432
    r"|(?:listen|bind|host|address|interface|\bip\b)[\w.\- \"]*(?:[=:]\s*|\s+)[\"']?(?:\*|::)"
    r"(?=[\"'\s]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


def listening_faults(process: ProcessSpec, ports: Mapping[str, int]) -> list[str]:
    """Whatever would open a port to more than 127.0.0.1, by all that the server is told."""
    told = {
        "argv": "\n".join(process.argv),
        **{f"env {name}": value for name, value in process.env.items()},
        **{f"file {file.path}": str(file.content) for file in process.files},
    }
    faults: list[str] = []
    for where, text in told.items():
        faults += [f"{where}: {word}" for word in _NOWHERE if word in text]
        faults += [f"{where}: {m.group().strip()}" for m in _EVERYWHERE.finditer(text)]
        faults += [f"{where}: {a}" for a in _IPV4.findall(text) if not a.startswith("127.")]
        for port in ports.values():
            for host in re.findall(rf"([\w.\[\]*:-]+):{port}(?!\d)", text):
                if not host.endswith("127.0.0.1"):
                    faults.append(f"{where}: {host}:{port}")
    everything = "\n".join(told.values())
    if not re.search(r"127[.,]0[.,]0[.,]1", everything):
        faults.append("127.0.0.1 is never named")
    for name, port in ports.items():
        # Some servers are told the port less an offset that they add.
        if not any(str(port - offset) in everything for offset in (0, 10000)):
            faults.append(f"port {name} is never named: the server would take its well-known one")
    for endpoint in process.endpoints:
        if endpoint.host != "127.0.0.1":
            faults.append(f"endpoint {endpoint.name}: {endpoint.host}")
    return faults


@each(RUNNING)
def test_every_listener_is_on_loopback(entry: Entry) -> None:
    for spec, process, _ in rendered(entry):
        ports = made_up_place(entry, spec.version).ports
        assert listening_faults(process, ports) == [], (spec.plan.id, spec.version)


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "::", "192.0.2.7"])  # noqa: S104
@each(RUNNING)
def test_the_check_sees_an_open_listener(entry: Entry, host: str) -> None:
    """The rule above can fail: a place on another address is found at every offering."""
    spec, process, _ = next(rendered(entry, host=host))
    # Without endpoints, so that only what the server is told counts.
    closed = replace(process, endpoints=())
    assert listening_faults(closed, made_up_place(entry, spec.version).ports)


@each(RUNNING)
def test_endpoints_are_the_public_listeners(entry: Entry) -> None:
    assert entry.process is not None
    public = {x.name for x in entry.process.LISTENERS if x.public}
    for spec, process, _ in rendered(entry):
        ports = made_up_place(entry, spec.version).ports
        assert {e.name for e in process.endpoints} == public
        assert all(e.port == ports[e.name] for e in process.endpoints)
        assert process.credentials.port == process.endpoints[0].port


@each(RUNNING)
def test_secrets_stand_in_files_and_sockets_only(entry: Entry) -> None:
    """Never in argv, which all users of the machine can read; nor in env, URLs or names of files.

    A program's env stands in an ini file of 0600, yet no offering needs it for a secret.
    """
    for spec, process, prepare in rendered(entry):
        seen = [*process.argv, *process.env.values(), *(f.path for f in process.files)]
        for action in (*actions_of(process), *prepare):
            if isinstance(action, Exec):
                seen += [*action.argv, *action.env.values()]
            elif isinstance(action, Http):
                seen += [action.url, *map(str, action.headers.values())]
            elif isinstance(action, Client):
                seen.append(str(action.script))
        for name, secret in spec.secrets.items():
            assert not [text for text in seen if secret in text], name
        # What is made ahead knows nothing of the instance at all.
        for secret in spec.secrets.values():
            assert not any(secret in action.stdin for action in prepare)


@each(RUNNING)
def test_credentials_hold_the_password_and_endpoints_do_not(entry: Entry) -> None:
    o = entry.offering
    for spec, process, _ in rendered(entry):
        own, found = spec.secrets[o.secrets[0]], process.credentials
        assert found.password == own
        assert any(own in value for value in found.env.values())
        assert (own in found.uri) == (o.slug not in NO_PASSWORD_IN_URI)
        for endpoint in process.endpoints:
            assert not [s for s in spec.secrets.values() if s in endpoint.uri]
        shown = [found.uri, *found.env.values(), found.username, found.database]
        for name in o.secrets[1:]:
            assert not [t for t in shown if spec.secrets[name] in t], f"{name} is not the tenant's"
        assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in found.env)


@each(RUNNING)
def test_tls_comes_with_the_ca(entry: Entry) -> None:
    for _, process, _ in rendered(entry):
        encrypted = any(endpoint.tls for endpoint in process.endpoints)
        assert bool(process.credentials.ca_certificate) == encrypted


@each(RUNNING)
def test_repr_hides_secrets(entry: Entry) -> None:
    for spec, process, prepare in rendered(entry):
        text = repr((spec, process, prepare))
        assert "hush" not in text
        assert "Secret(…)" in text


@each(RUNNING)
def test_values_have_the_types_they_promise(entry: Entry) -> None:
    """Data classes check nothing; a port that is text, or a text that is no Secret, shows here."""
    for _, process, prepare in rendered(entry):
        assert all(isinstance(word, str) for word in process.argv)
        assert all(isinstance(v, str) for v in process.env.values())
        assert all(isinstance(f.content, Secret) for f in process.files)
        assert all(isinstance(v, Secret) for v in process.credentials.env.values())
        assert isinstance(process.credentials.uri, Secret)
        assert process.stop_signal in {"TERM", "INT", "QUIT"}
        for action in (*actions_of(process), *prepare):
            assert isinstance(action, Exec | Http | Sql | Talk | Client)
            assert action.timeout_seconds > 0
            if isinstance(action, Exec):
                assert all(isinstance(word, str) for word in action.argv)
                assert isinstance(action.stdin, Secret)
            if isinstance(action, Client):
                assert action.engine in ENGINES
                assert action.script.is_file()


_watching: list[str] | None = None
_OUTSIDE = ("open", "os.", "socket.", "subprocess.", "shutil.", "tempfile.")


def _notice(event: str, _: object) -> None:
    if _watching is not None and event.startswith(_OUTSIDE):
        _watching.append(event)


@pytest.fixture
def outside() -> Iterator[list[str]]:
    """What the interpreter does with files, processes and sockets meanwhile."""
    global _watching
    if _notice not in _hooked:
        sys.addaudithook(_notice)  # cannot be taken off again, hence the switch
        _hooked.add(_notice)
    _watching = []
    yield _watching
    _watching = None


_hooked: set[Any] = set()


@each(RUNNING)
def test_rendering_is_pure(entry: Entry, outside: list[str]) -> None:
    """The same twice for the same input, which is not changed; nothing outside is touched."""
    process = entry.process
    assert process is not None
    outside.clear()  # pytest itself writes an environment variable
    for spec in process_specs(entry):
        place = made_up_place(entry, spec.version)
        before = plain((spec, place))
        first, ahead = process.process(spec, place), process.prepare(place)
        again = replace(spec, parameters=dict(spec.parameters), secrets=dict(spec.secrets))
        assert plain(process.process(again, replace(place, ports=dict(place.ports)))) == plain(
            first
        )
        assert plain(process.prepare(place)) == plain(ahead)
        assert plain((spec, place)) == before
    assert outside == []


def test_the_purity_check_sees_a_file(outside: list[str], tmp_path: Path) -> None:
    outside.clear()
    (tmp_path / "x").write_text("x")
    assert "open" in outside


def plain(value: Any) -> Any:
    """`value` to compare, secrets included."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path | str) else value


@each(RUNNING)
def test_each_instance_has_its_own_secrets_and_ports(entry: Entry) -> None:
    """Another password, or another port, makes another server: nothing is baked in."""
    assert entry.process is not None
    spec = made_up_spec(entry)
    place = made_up_place(entry, spec.version)
    first = plain(entry.process.process(spec, place))
    for name in spec.secrets:
        changed = replace(spec, secrets={**spec.secrets, name: Secret("another")})
        assert plain(entry.process.process(changed, place)) != first, name
    for listener in entry.process.LISTENERS:
        moved = replace(place, ports={**place.ports, listener.name: 51234})
        assert plain(entry.process.process(spec, moved)) != first, listener.name


def test_exceptions_are_of_offerings_that_exist() -> None:
    assert set(NO_PASSWORD_IN_URI) <= set(ENTRIES)
