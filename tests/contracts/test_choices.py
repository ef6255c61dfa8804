"""Every parameter that can be set in a region changes what is made there; none does without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest

from services.manifests.objects import RESTART
from services.regions.choices import asked
from services.regions.models import Region
from services.spec import Entry, Family, InstanceSpec, Parameter, RegionSettings
from tests.contracts.made_up import ENTRIES, made_up_place, made_up_spec
from tests.contracts.manifests import RICH, renderer

EVERY = [(entry, p) for entry in ENTRIES.values() for p in entry.offering.parameters]
KUBERNETES = [(e, p) for e, p in EVERY if e.kubernetes and p.backend != "process"]
PROCESS = [(e, p) for e, p in EVERY if e.process and p.backend != "kubernetes"]


def each(pairs: list[tuple[Entry, Parameter]]) -> Any:
    return pytest.mark.parametrize(
        ("entry", "parameter"), pairs, ids=[f"{e.offering.slug}-{p.name}" for e, p in pairs]
    )


def others(parameter: Parameter) -> list[Any]:
    """Values that are not the default."""
    found: dict[str, list[Any]] = {
        "string": ["another", "another1"],
        "boolean": [True, False],
        "choice": list(parameter.choices),
        "integer": [parameter.minimum, parameter.maximum],
    }
    return [value for value in found[parameter.kind] if value != parameter.default]


def beside(entry: Entry, parameter: Parameter) -> list[dict[str, Any]]:
    """The defaults, and each choice that another parameter has: some need one of them."""
    others = [p for p in entry.offering.parameters if p != parameter]
    return [{}, *({p.name: choice} for p in others for choice in p.choices)]


def specs(entry: Entry, backend: str, parameter: Parameter) -> Iterator[list[InstanceSpec]]:
    """On each plan, beside each choice: the service as it is by default, and with other values."""
    version = entry.versions(backend)[0].id
    for plan, more in product(entry.offering.plans, beside(entry, parameter)):
        spec = made_up_spec(entry, version=version, plan=plan)
        spec = replace(spec, parameters={**spec.parameters, **more})
        changed = [
            replace(spec, parameters={**spec.parameters, parameter.name: value})
            for value in others(parameter)
        ]
        yield [spec, *changed]


def makes_a_difference(entry: Entry, parameter: Parameter, region: RegionSettings) -> bool:
    """Whether another value makes other manifests, on any plan."""
    made = (
        [renderer(entry).manifests(spec, region) for spec in row]
        for row in specs(entry, "kubernetes", parameter)
    )
    return any(first != other for first, *rest in made for other in rest)


@each(KUBERNETES)
def test_it_makes_a_difference_on_kubernetes(entry: Entry, parameter: Parameter) -> None:
    assert makes_a_difference(entry, parameter, RICH)


@each([(e, p) for e, p in KUBERNETES if p.needs])
def test_it_makes_none_without_what_it_needs(entry: Entry, parameter: Parameter) -> None:
    empty = {f.name: f.default for f in fields(RegionSettings)}
    for name in parameter.needs:
        region = replace(RICH, **{name: empty[name]})
        assert not makes_a_difference(entry, parameter, region), name


@each([(e, p) for e, p in KUBERNETES if p.unless])
def test_it_makes_none_beside_what_excludes_it(entry: Entry, parameter: Parameter) -> None:
    """But for a name in a certificate, which leads nobody anywhere."""
    assert parameter.unless is not None
    name, value = parameter.unless
    for row in specs(entry, "kubernetes", parameter):
        told = (replace(spec, parameters={**spec.parameters, name: value}) for spec in row)
        made = [
            [m for m in renderer(entry).manifests(spec, RICH) if m["kind"] != "Certificate"]
            for spec in told
        ]
        assert all(other == made[0] for other in made)


@each(PROCESS)
def test_it_makes_a_difference_on_one_machine(entry: Entry, parameter: Parameter) -> None:
    assert entry.process is not None
    made = (
        [entry.process.process(spec, made_up_place(entry, spec.version)) for spec in row]
        for row in specs(entry, "process", parameter)
    )
    assert any(first != other for first, *rest in made for other in rest)


@each([(e, p) for e, p in EVERY if p.backend])
def test_it_is_not_asked_for_elsewhere(entry: Entry, parameter: Parameter) -> None:
    other = {"kubernetes": "process", "process": "kubernetes"}[parameter.backend]
    assert parameter not in asked(entry.offering, Region(backend=other))


def read_at_start(value: Any) -> Iterator[str]:
    """The digests in a manifest of what its pods read at their start alone."""
    if isinstance(value, dict):
        yield from ([value[RESTART]] if RESTART in value else [])
        for part in value.values():
            yield from read_at_start(part)
    elif isinstance(value, list):
        for part in value:
            yield from read_at_start(part)


@each([(e, p) for e, p in KUBERNETES if p.mutable and e.offering.family != Family.SERVERLESS])
def test_it_says_where_pods_are_made_anew(entry: Entry, parameter: Parameter) -> None:
    """Containers that run while they are asked for are renewed without a gap."""
    rows = (
        [list(read_at_start(renderer(entry).manifests(spec, RICH))) for spec in row]
        for row in specs(entry, "kubernetes", parameter)
    )
    renews = any(first != other for first, *rest in rows for other in rest)
    assert parameter.restarts("kubernetes") or not renews


@each([(e, p) for e, p in PROCESS if p.mutable])
def test_it_says_whether_the_server_restarts(entry: Entry, parameter: Parameter) -> None:
    """As the process backend decides it."""
    assert entry.process is not None
    made = (
        [entry.process.process(spec, made_up_place(entry, spec.version)) for spec in row]
        for row in specs(entry, "process", parameter)
    )
    restarts = any(
        (first.argv, first.env) != (other.argv, other.env)
        or (first.files != other.files and other.reload == "restart")
        for first, *rest in made
        for other in rest
    )
    assert parameter.restarts("process") == restarts
