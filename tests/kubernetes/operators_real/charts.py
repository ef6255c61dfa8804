"""Charts of ours, packed as their repositories hand them out."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import yaml

from tests.kubernetes.operators_real.outside import Outside

FOLDER = Path(__file__).parent / "charts"
NATS = ("nats-io.github.io", "k8s/helm/charts")  # host and path of its repository


def publish(outside: Outside, name: str, place: tuple[str, str]) -> None:
    """The chart in the folder of that name, and an index that lists it alone."""
    host, path = place
    packed, about = pack(FOLDER / name), yaml.safe_load((FOLDER / name / "Chart.yaml").read_text())
    file = f"{name}-{about['version']}.tgz"
    entry = {**about, "urls": [file], "digest": hashlib.sha256(packed).hexdigest()}
    index = {"apiVersion": "v1", "entries": {name: [entry]}}
    outside.publish(host, f"{path}/{file}", packed)
    outside.publish(host, f"{path}/index.yaml", json.dumps(index).encode())


def pack(folder: Path) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for file in sorted(folder.rglob("*")):
            archive.add(file, f"{folder.name}/{file.relative_to(folder)}", recursive=False)
    return target.getvalue()
