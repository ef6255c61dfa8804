"""Made-up regions and the golden manifests of every offering that runs on Kubernetes.

python -m tests.contracts.manifests        # writes tests/golden/kubernetes/, to be looked at
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from services.spec import BackupStore, Entry, InstanceSpec, Kubernetes, Manifest, RegionSettings

GOLDEN = Path(__file__).parents[1] / "golden" / "kubernetes"
BARE = RegionSettings(issuer="platform-ca", domain="eu-1.example.eu")
RICH = RegionSettings(
    storage_class="ssd-encrypted",
    issuer="platform-ca",
    domain="eu-1.example.eu",
    zones=("eu-1a", "eu-1b", "eu-1c"),
    backup_store=BackupStore("https://s3.example.eu", "polder-backups", "eu-1"),
    external=True,
)
LABELS = {"polder.eu/instance": "pg-7f3a9c21", "polder.eu/project": "pj-00000001"}


def renderer(entry: Entry) -> Kubernetes:
    assert entry.kubernetes is not None
    return entry.kubernetes


def specs(entry: Entry) -> Iterator[tuple[str, InstanceSpec, RegionSettings]]:
    """Name, desired state and region of each golden file: every plan in a rich region, and the
    first one as it stands in a bare region, paused and public; the largest in each way that only
    Kubernetes has.
    """
    from tests.contracts.made_up import made_up_spec

    first = made_up_spec(entry, version=renderer(entry).VERSIONS[-1], labels=LABELS)
    for plan in entry.offering.plans:
        yield plan.id, replace(first, plan=plan), RICH
    yield "bare", first, BARE
    yield "paused", replace(first, paused=True), RICH
    yield "public", replace(first, parameters={**first.parameters, "public": True}), RICH
    for parameter in entry.offering.parameters:
        for choice in (
            sorted({*parameter.choices} - {str(parameter.default)}) if parameter.backend else ()
        ):
            chosen = {**first.parameters, parameter.name: choice}
            name = f"{parameter.name}-{choice}"
            yield name, replace(first, plan=entry.offering.plans[-1], parameters=chosen), RICH


def rendered(entry: Entry, name: str) -> list[Manifest]:
    found = {n: (spec, region) for n, spec, region in specs(entry)}
    spec, region = found[name]
    return renderer(entry).manifests(spec, region)


def text(manifests: list[Manifest]) -> str:
    plain: Any = json.loads(json.dumps(manifests))  # a Secret is written as its text
    said: str = yaml.safe_dump_all(plain, sort_keys=False, width=100, allow_unicode=True)
    return said


def file_of(entry: Entry, name: str) -> Path:
    return GOLDEN / entry.offering.slug / f"{name}.yaml"


def write() -> None:
    from tests.contracts.made_up import ENTRIES

    for entry in ENTRIES.values():
        if entry.kubernetes is not None:
            for name, _, _ in specs(entry):
                file = file_of(entry, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text(rendered(entry, name)))
                sys.stdout.write(f"{os.path.relpath(file)}\n")


if __name__ == "__main__":
    write()
