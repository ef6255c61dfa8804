"""What Polder writes on every object, and how it tells whether an object still is as it was
applied. Pure.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from services.spec import InstanceSpec, Kind, Manifest, Ref

GENERATION = "polder.eu/generation"
INSTALLATION, INSTANCE = "polder.eu/installation", "polder.eu/instance"
GONE = "(gone)"
Path = tuple[str, ...]


def stamped(made: Manifest, spec: InstanceSpec, installation: str) -> Manifest:
    """`made` with namespace, labels and generation. A Secret's texts are encoded, so that what is
    applied and what stands can be compared.
    """
    metadata = made["metadata"]
    labels = {**metadata.get("labels", {}), **spec.labels, INSTALLATION: installation}
    notes = {**metadata.get("annotations", {}), GENERATION: str(spec.generation)}
    placed = {"namespace": spec.namespace, "labels": labels, "annotations": notes}
    whole = {**made, "metadata": {**metadata, **placed}}
    texts = whole.pop("stringData", None)
    if texts is not None:
        encoded = {k: base64.b64encode(str(v).encode()).decode() for k, v in texts.items()}
        whole["data"] = {**whole.get("data", {}), **encoded}
    plain: Manifest = json.loads(json.dumps(whole))
    return plain


def ref_of(made: Manifest) -> Ref:
    return Ref(Kind(made["apiVersion"], made["kind"]), made["metadata"]["name"])


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def excerpt(wanted: Any, stands: Any) -> Any:
    """Of what stands, the fields that were wanted, as the cluster holds them."""
    if isinstance(wanted, Mapping):
        held = stands if isinstance(stands, Mapping) else {}
        return {key: excerpt(value, held.get(key, GONE)) for key, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(stands, list):
        return _rows(wanted, stands)
    return stands


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each last value of an object, with the way to it: keys, `[name]` or `[number]` of rows."""
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from leaves(one, (*path, str(key)))
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            name = one.get("name", number) if isinstance(one, Mapping) else number
            yield from leaves(one, (*path, f"[{name}]"))
    else:
        yield path, value


def standing(wanted: Any, stands: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Of what stands, the last values that were wanted, each with the way to it; see `excerpt`."""
    if isinstance(wanted, Mapping):
        held = stands if isinstance(stands, Mapping) else {}
        for key, value in wanted.items():
            yield from standing(value, held.get(key, GONE), (*path, str(key)))
    elif isinstance(wanted, list) and isinstance(stands, list):
        yield from _standing_rows(wanted, stands, path)
    else:
        yield path, stands


def _standing_rows(wanted: list[Any], stands: list[Any], path: Path) -> Iterator[tuple[Path, Any]]:
    if _have_names([*wanted, *stands]):
        by_name = {row["name"]: row for row in stands}
        for row in wanted:
            yield from standing(row, by_name.get(row["name"], GONE), (*path, f"[{row['name']}]"))
        return
    yield (*path, "[number of rows]"), len(stands)
    for number, (row, held) in enumerate(zip(wanted, stands, strict=False)):
        yield from standing(row, held, (*path, f"[{number}]"))


def written(path: Path) -> str:
    """As people read it: spec.containers[server].image."""
    return ".".join(path).replace(".[", "[")


def _have_names(rows: list[Any]) -> bool:
    return all(isinstance(row, Mapping) and "name" in row for row in rows)


def _rows(wanted: list[Any], stands: list[Any]) -> list[Any]:
    """Rows with names are found by name: others (side-cars) may have been put between them."""
    if not _have_names([*wanted, *stands]):
        pairs = zip(wanted, stands, strict=False)
        return [len(stands), *(excerpt(row, held) for row, held in pairs)]
    by_name = {row["name"]: row for row in stands}
    return [excerpt(row, by_name.get(row["name"], GONE)) for row in wanted]


def stood(wanted: Manifest, stands: Manifest) -> str:
    """Digest of what was wanted of an object, as it stands. The generation note does not count."""
    return digest(excerpt(without_note(wanted), without_note(stands)))


def without_note(made: Manifest) -> Manifest:
    metadata = dict(made.get("metadata", {}))
    notes = {k: v for k, v in metadata.get("annotations", {}).items() if k != GENERATION}
    return {**made, "metadata": {**metadata, "annotations": notes}}


def without_secrets(made: Manifest) -> Manifest:
    """Fit to be kept: of a Secret, the names of its values only."""
    if made["kind"] != "Secret":
        return made
    return {**made, "data": dict.fromkeys(made.get("data", {}), "")}
