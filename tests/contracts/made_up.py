"""A made-up place and made-up secrets for the renderers of every offering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from services import parameters, registry
from services.spec import Entry, Exec, InstanceSpec, Offering, Place, ProcessSpec, Secret

ENTRIES = registry.entries()
ENGINES = registry.engines()
RUNNING = {slug: entry for slug, entry in ENTRIES.items() if entry.process is not None}


def each(entries: Mapping[str, Entry]) -> Any:
    return pytest.mark.parametrize("entry", entries.values(), ids=list(entries))


def variations(offering: Offering) -> Iterator[dict[str, Any]]:
    """Each choice, and the ends of each range, one at a time."""
    for p in offering.parameters:
        ends = {"integer": (p.minimum, p.maximum), "boolean": (True, False), "choice": p.choices}
        for value in ends.get(p.kind, ()):
            yield {p.name: value}


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
        "version": entry.versions("process")[0].id,
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


def process_specs(entry: Entry) -> Iterator[InstanceSpec]:
    """Of the versions that run as processes."""
    runs = {version.id for version in entry.versions("process")}
    yield from (spec for spec in all_specs(entry) if spec.version in runs)


def rendered(
    entry: Entry, **changes: Any
) -> Iterator[tuple[InstanceSpec, ProcessSpec, tuple[Exec, ...]]]:
    process = entry.process
    assert process is not None
    for spec in process_specs(entry):
        place = made_up_place(entry, spec.version, **changes)
        yield spec, process.process(spec, place), process.prepare(place)
