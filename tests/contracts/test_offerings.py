"""Every offering keeps the catalogue's rules. A new folder is picked up by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from portal.kernel.errors import Invalid
from services import parameters, snippets
from services.spec import (
    Capability,
    Debian,
    Engine,
    Entry,
    Maven,
    Offering,
    VersionStatus,
    Wheel,
)
from tests.contracts.made_up import ENGINES, ENTRIES, RUNNING, each, rendered, variations

# Prefixes of the portal's own public ids: an instance must not look like one of these.
PORTAL_PREFIXES = {"mb", "op", "or", "pj", "sa", "sv", "tk"}

# Lines of Python a folder may have, and why it has more than the 200 of docs/adding-a-service.md.
MOST_LINES = 200
MOST_LINES_OF_KUBERNETES = 400  # one module: what an operator is told, and how its status is read
LONGER = {
    "influxdb": (265, "the order of its first users is a matter of safety and is spelt out"),
    "kafka": (610, "rights and offsets need client scripts; KRaft wants each setting named"),
    "mariadb": (370, "two ways in, root's and the tenant's, each with files and statements"),
    "object-storage": (460, "ten inner ports are named, and S3 is signed in a client script"),
    "postgresql": (435, "five versions; prepared data directories; backups and restores"),
    "memcached": (215, "statistics are told in words of a protocol"),
    "nats": (225, "the monitoring port tells what was counted"),
    "rabbitmq": (315, "Erlang is kept from starting a port mapper; definitions are a file"),
    "redis": (300, "lists of eviction policies and of rights, one a line; a cluster is chosen"),
}

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
def test_every_version_runs_somewhere(entry: Entry) -> None:
    process = entry.process
    assert process is not None
    on_kubernetes = entry.versions("kubernetes") if entry.kubernetes else ()
    runs = entry.versions("process")
    assert {*runs, *on_kubernetes} == {*entry.offering.versions}
    for version in runs:
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
    if entry.process is None:
        return False
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
    files = {f.name: len(f.read_text().splitlines()) for f in entry.folder.glob("*.py")}
    assert files.pop("kubernetes.py", 0) <= MOST_LINES_OF_KUBERNETES
    lines = sum(files.values())
    most, _ = LONGER.get(entry.offering.slug, (MOST_LINES, ""))
    assert lines <= most
    if entry.offering.slug in LONGER:
        assert lines > MOST_LINES, "it has become small: take it off the list"


def test_exceptions_are_of_offerings_that_exist() -> None:
    assert set(LONGER) <= set(ENTRIES)


# -- how clients connect ---------------------------------------------------------------------------

# How the languages of the snippets read a variable of the environment.
_READ = re.compile(
    r"""(?:environ\[["']|process\.env\.|Getenv\(["']|getenv\(["']|ENV\[["']|\$\{#?|\$|\{env:)"""
    r"""([A-Z][A-Z0-9_]+)"""
)


@each(RUNNING)
def test_snippets_for_three_clients_at_least(entry: Entry) -> None:
    titles = [s.title for s in entry.snippets]
    assert len(titles) >= 3
    assert len(set(titles)) == len(titles)
    assert {"Python", "Node.js"} <= set(titles)


@each(RUNNING)
def test_snippets_are_filled_in_and_hold_no_secret(entry: Entry) -> None:
    for spec, process, _ in rendered(entry):
        words = snippets.words_of(process.credentials, process.endpoints)
        for snippet in entry.snippets:
            assert snippets.words_in(snippet) <= set(words), snippet.title
            text = snippets.fill(snippet, words)
            assert not [s for s in spec.secrets.values() if s in text], snippet.title
            assert text != snippet.text or _READ.search(text), snippet.title


@each(RUNNING)
def test_snippets_read_variables_that_the_card_shows(entry: Entry) -> None:
    _, process, _ = next(rendered(entry))
    known = set(process.credentials.env)
    for snippet in entry.snippets:
        assert set(_READ.findall(snippet.text)) <= known, snippet.title


@each(RUNNING)
def test_snippets_verify_the_server_where_there_is_tls(entry: Entry) -> None:
    _, process, _ = next(rendered(entry))
    has_tls = bool(process.credentials.ca_certificate)
    for snippet in entry.snippets:
        assert ("{{ca}}" in snippet.text) == has_tls, snippet.title


def test_a_faulty_snippet_file_names_itself(tmp_path: Path) -> None:
    assert snippets.read(tmp_path) == ()
    for fault in ("[[snippet]]\ntitle = 'x'", "snippet = 1", "[[snippet", "[other]\na = 1"):
        (tmp_path / snippets.FILE).write_text(fault)
        with pytest.raises(ValueError, match=r"connect\.toml"):
            snippets.read(tmp_path)
