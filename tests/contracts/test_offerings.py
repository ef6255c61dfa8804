"""Every offering × plan × version keeps the catalogue's rules. A new folder is picked up by itself.

Renderers are called with a made-up place and made-up secrets, so that a rule that is broken shows
here and not on a server.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from portal.kernel.errors import Invalid
from services import parameters, registry
from services.spec import (
    Capability,
    Client,
    Debian,
    Engine,
    Entry,
    Exec,
    Http,
    InstanceSpec,
    Listener,
    Maven,
    Offering,
    Place,
    ProcessSpec,
    Secret,
    Sql,
    Talk,
    VersionStatus,
    Wheel,
)

ENTRIES = registry.entries()
ENGINES = registry.engines()
RUNNING = {slug: entry for slug, entry in ENTRIES.items() if entry.process is not None}

# Prefixes of the portal's own public ids: an instance must not look like one of these.
PORTAL_PREFIXES = {"pj", "op", "or", "ev", "tk", "sa", "mb", "us", "pr"}

# Lines of Python a folder may have, and why it has more than the 200 of docs/adding-a-service.md.
MOST_LINES = 200
LONGER = {
    "influxdb": (265, "the order of its first users is a matter of safety and is spelt out"),
    "kafka": (510, "users and rights need a client script; KRaft wants each setting named"),
    "mariadb": (350, "two ways in, root's and the tenant's, each with files and statements"),
    "object-storage": (360, "nine inner ports are named, and S3 is signed in a client script"),
    "postgresql": (325, "five versions; data directories are prepared ahead"),
    "rabbitmq": (285, "Erlang is kept from starting a port mapper; definitions are a file"),
    "redis": (215, "a list of eviction policies, one a line"),
}

# Offerings whose address holds no password by design, with the reason.
NO_PASSWORD_IN_URI = {"object-storage": "S3 signs requests with the key; URLs never hold it"}


def each(entries: Mapping[str, Entry]) -> Any:
    return pytest.mark.parametrize("entry", entries.values(), ids=list(entries))


# -- what a tenant can order -----------------------------------------------------------------------


@each(ENTRIES)
def test_slug_prefix_and_texts(entry: Entry) -> None:
    o = entry.offering
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", o.slug)
    assert re.fullmatch(r"[a-z]{1,4}", o.prefix)
    assert o.prefix not in PORTAL_PREFIXES
    assert 1 <= len(o.symbol) <= 2
    assert o.name
    assert o.summary
    assert not o.summary.endswith(".")
    assert o.description.endswith(".")
    assert o.licence
    assert re.fullmatch(r"[a-z]+\.[a-z0-9-]+", o.price_class)
    assert o.secrets
    assert len(set(o.secrets)) == len(o.secrets)


def test_prefixes_and_symbols_are_unique() -> None:
    for name in ("prefix", "symbol"):
        values = [getattr(e.offering, name) for e in ENTRIES.values()]
        assert sorted(values) == sorted(set(values)), name


@each(ENTRIES)
def test_plan_ids_say_what_the_plan_is(entry: Entry) -> None:
    plans = entry.offering.plans
    assert plans
    assert len({p.id for p in plans}) == len(plans)
    for plan in plans:
        found = re.fullmatch(r"(dev|single|ha)-([1-9][0-9]*)x([1-9][0-9]*)", plan.id)
        assert found, plan.id
        kind, vcpu, memory_gib = found.groups()
        assert plan.vcpu == Decimal(vcpu), plan.id
        assert plan.memory_mib == int(memory_gib) * 1024, plan.id
        assert plan.storage_gib >= 0, plan.id
        assert plan.nodes >= 3 if kind == "ha" else plan.nodes == 1, plan.id


@each(ENTRIES)
def test_versions_begin_with_one_to_recommend(entry: Entry) -> None:
    versions = entry.offering.versions
    assert versions
    assert len({v.id for v in versions}) == len(versions)
    for version in versions:
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)*", version.id)
    supported = [v for v in versions if v.status == VersionStatus.SUPPORTED]
    if supported:
        assert versions[0].status == VersionStatus.SUPPORTED
    assert versions[0].status != VersionStatus.END_OF_LIFE


@each(ENTRIES)
def test_parameters_take_what_they_offer_and_nothing_else(entry: Entry) -> None:
    o = entry.offering
    defaults = {p.name: p.default for p in o.parameters}
    assert len(defaults) == len(o.parameters)
    assert parameters.clean(o, {}) == defaults
    assert parameters.clean(o, defaults) == defaults
    for values in variations(o):
        assert parameters.clean(o, values) == {**defaults, **values}
    for values in wrong_values(o):
        with pytest.raises(Invalid):
            parameters.clean(o, values)
    for p in o.parameters:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", p.name)
        assert p.label
        assert (p.kind == "choice") == bool(p.choices)
        if p.kind == "integer":
            assert p.minimum is not None, p.name
            assert p.maximum is not None, p.name
        if p.kind == "string":
            assert p.pattern, f"{p.name}: a free text would reach a configuration file"
            assert p.maximum is not None, p.name


def variations(offering: Offering) -> Iterator[dict[str, Any]]:
    """Each choice, and the ends of each range, one at a time."""
    for p in offering.parameters:
        ends = {"integer": (p.minimum, p.maximum), "boolean": (True, False), "choice": p.choices}
        for value in ends.get(p.kind, ()):
            yield {p.name: value}


# What would break out of a line, a quote or a shell.
_SHARP = ["a\nb", "a'b", 'a"b', "a;b", "a`b", "$a", "a b", "a/b", "", "x" * 256]


def wrong_values(offering: Offering) -> Iterator[dict[str, Any]]:
    yield {"no_such_parameter": 1}
    for p in offering.parameters:
        if p.kind == "integer":
            assert p.minimum is not None
            assert p.maximum is not None
            yield from ({p.name: v} for v in (p.minimum - 1, p.maximum + 1, True, "many"))
        elif p.kind == "string":
            yield from ({p.name: v} for v in (*_SHARP, 7))
        else:
            yield {p.name: "no such choice"}


# -- engines ---------------------------------------------------------------------------------------


@each(RUNNING)
def test_every_version_has_an_engine(entry: Entry) -> None:
    process = entry.process
    assert process is not None
    for version in entry.offering.versions:
        assert process.engine(version.id) in ENGINES, version.id
    assert set(process.ALSO) <= set(ENGINES)
    assert process.LISTENERS
    assert any(listener.public for listener in process.LISTENERS)
    assert len({listener.name for listener in process.LISTENERS}) == len(process.LISTENERS)
    assert set(Capability) >= process.CAPABILITIES


@pytest.mark.parametrize("engine", ENGINES.values(), ids=list(ENGINES))
def test_engines_are_locked(engine: Engine) -> None:
    assert engine.title
    assert engine.licence
    assert engine.size_mib > 0
    assert not engine.toolchain or engine.toolchain in ENGINES
    match engine.source:
        case Wheel(lock=lock):
            assert lock_faults_of_requirements(lock.read_text(), engine.version) == []
        case Maven(lock=lock):
            assert lock_faults_of_maven(lock.read_text(), engine.version) == []
        case Debian(package=package, program=program):
            assert package
            assert program
            assert engine.download_mib == 0


def lock_faults_of_requirements(text: str, version: str) -> list[str]:
    """Names, exact versions and SHA-256, nothing else; no address."""
    faults = ["an address"] if re.search(r"://|\s@\s|--(extra-)?index|--find-links", text) else []
    statements = text.replace("\\\n", " ").strip().splitlines()
    for statement in statements:
        if not re.fullmatch(
            r"[a-z0-9][a-z0-9-]*==[\w.]+( ; [^\\#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*",
            statement,
        ):
            faults.append(statement)
    versions = [s.split("==")[1].split()[0] for s in statements if "==" in s]
    if not any(v == version or v.startswith(f"{version}.") for v in versions):
        faults.append(f"no package of version {version}")
    return faults


def lock_faults_of_maven(text: str, version: str) -> list[str]:
    """Coordinates, SHA-256 and sizes, nothing else; no address."""
    faults = ["an address"] if "://" in text else []
    lock = json.loads(text)
    if set(lock) != {"schema", "roots", "artifacts"} or lock["schema"] != 1:
        faults.append("unknown fields")
    for artifact in lock["artifacts"]:
        good = (
            set(artifact) == {"coord", "sha256", "size"}
            and re.fullmatch(r"[\w.-]+(:[\w.-]*){3,4}", artifact["coord"])
            and re.fullmatch(r"[0-9a-f]{64}", artifact["sha256"])
            and artifact["size"] > 0
        )
        if not good:
            faults.append(str(artifact))
    if not any(f":{version}" in a["coord"] for a in lock["artifacts"]):
        faults.append(f"nothing of version {version}")
    return faults


def test_the_lock_check_sees_faults() -> None:
    good = f"a-b==1.0 \\\n    --hash=sha256:{'0' * 64}\n"
    assert lock_faults_of_requirements(good, "1.0") == []
    for bad in (
        f"--index-url https://x.example\n{good}",
        "a-b==1.0\n",
        good.replace("==", ">="),
        good.replace("a-b==1.0", "a-b @ https://x.example/a.whl"),
        good.replace("1.0", "2.0"),
    ):
        assert lock_faults_of_requirements(bad, "1.0"), bad
    lock = {
        "schema": 1,
        "roots": [],
        "artifacts": [{"coord": "g:a:jar::1.0", "sha256": "0" * 64, "size": 1}],
    }
    assert lock_faults_of_maven(json.dumps(lock), "1.0") == []
    for change in ({"sha256": ""}, {"size": 0}, {"url": "x"}, {"coord": "g:a:jar::2.0"}):
        wrong = {**lock, "artifacts": [{**lock["artifacts"][0], **change}]}  # type: ignore[index]
        assert lock_faults_of_maven(json.dumps(wrong), "1.0"), change


def test_no_lock_lies_about_unused() -> None:
    used = {e.source.lock for e in ENGINES.values() if not isinstance(e.source, Debian)}
    kept = {f for lock in used for f in lock.parent.iterdir() if f.suffix != ".in"}
    assert kept == used


# -- what runs -------------------------------------------------------------------------------------

_FIRST_PORT = 41003  # numbers that stand for nothing else


def made_up_place(entry: Entry, version: str, **changes: Any) -> Place:
    process = entry.process
    assert process is not None
    names = [listener.name for listener in process.LISTENERS]
    engine = process.engine(version)
    toolchain = ENGINES[engine].toolchain
    wanted: dict[str, Any] = {
        "home": f"/engines/{engine}",
        "data": "/i/data",
        "config": "/i/config",
        "run": "/i/run",
        "ports": {name: _FIRST_PORT + 11 * n for n, name in enumerate(names)},
        "ca": "/i/config/ca.pem",
        "certificate": "/i/config/certificate.pem",
        "key": "/i/config/key.pem",
        "toolchain": f"/engines/{toolchain}" if toolchain else "",
        "engines": {name: f"/engines/{name}" for name in process.ALSO},
    }
    return Place(**{**wanted, **changes})


def made_up_spec(entry: Entry, **changes: Any) -> InstanceSpec:
    o = entry.offering
    wanted: dict[str, Any] = {
        "name": f"{o.prefix}-7f3a9c21",
        "namespace": "polder-pj-00000001",
        "version": o.default_version,
        "plan": o.plans[0],
        "parameters": parameters.clean(o, {}),
        "secrets": {name: Secret(f"hush{name.replace('_', '')}hush") for name in o.secrets},
    }
    return InstanceSpec(**{**wanted, **changes})


def all_specs(entry: Entry) -> Iterator[InstanceSpec]:
    """Every plan × version, and every variation of a parameter."""
    o = entry.offering
    for plan in o.plans:
        for version in o.versions:
            yield made_up_spec(entry, plan=plan, version=version.id)
    for values in variations(o):
        yield made_up_spec(entry, parameters=parameters.clean(o, values))


def rendered(
    entry: Entry, **changes: Any
) -> Iterator[tuple[InstanceSpec, ProcessSpec, tuple[Exec, ...]]]:
    process = entry.process
    assert process is not None
    for spec in all_specs(entry):
        place = made_up_place(entry, spec.version, **changes)
        yield spec, process.process(spec, place), process.prepare(place)


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
    for spec in all_specs(entry):
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


# -- the folder ------------------------------------------------------------------------------------


@each(ENTRIES)
def test_a_guide_for_tenants(entry: Entry) -> None:
    text = (entry.folder / "guide.md").read_text()
    lines = text.splitlines()
    assert lines[0].startswith("# ")
    assert {"## Connect", "## Limits"} <= set(lines)
    assert 30 <= len(lines) <= 80
    assert max(map(len, lines)) <= 125
    assert "ca.pem" in text or not _has_tls(entry)


def _has_tls(entry: Entry) -> bool:
    return any(e.tls for _, process, _ in rendered(entry) for e in process.endpoints)


@each(RUNNING)
def test_the_guide_names_what_the_card_shows(entry: Entry) -> None:
    """A variable that the guide uses is one that the credentials have."""
    _, process, _ = next(rendered(entry))
    text = (entry.folder / "guide.md").read_text()
    stems = {name.split("_")[0] for name in process.credentials.env}
    used = set(re.findall(r"\$\{?#?([A-Z][A-Z0-9]*_[A-Z0-9_]+)|environ\[.([A-Z0-9_]+)", text))
    named = {a or b for a, b in used} | set(re.findall(r"process\.env\.([A-Z0-9_]+)", text))
    ours = {name for name in named if name.split("_")[0] in stems}
    assert ours <= set(process.credentials.env)


@each(ENTRIES)
def test_a_folder_stays_small(entry: Entry) -> None:
    lines = sum(len(f.read_text().splitlines()) for f in entry.folder.glob("*.py"))
    most, _ = LONGER.get(entry.offering.slug, (MOST_LINES, ""))
    assert lines <= most
    if entry.offering.slug in LONGER:
        assert lines > MOST_LINES, "it has become small: take it off the list"


def test_exceptions_are_of_offerings_that_exist() -> None:
    assert set(LONGER) | set(NO_PASSWORD_IN_URI) <= set(ENTRIES)
    assert Listener("x").public
