"""What others changed of an object since it was applied, and who they are. Pure.

Source: Kubernetes, "Server-Side Apply": the format of managedFields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.backends.kubernetes import stamps
from services.backends.kubernetes.objects import MANAGER
from services.spec import Manifest

Field = dict[str, Any]  # {field, wanted, stands}; with `by` once it is known
_MOST = 20
_KEPT = 200  # characters of a value


def settled(wanted: Manifest, stands: Manifest) -> dict[str, Any]:
    """Fields that the cluster made other than they were wanted, as 1000m became 1. Nothing of a
    Secret.
    """
    if wanted["kind"] == "Secret":
        return {}
    asked = _standing(wanted, wanted)
    return {
        stamps.written(path): value
        for path, value in _standing(wanted, stands).items()
        if asked.get(path) != value
    }


def of(wanted: Manifest, settled: Mapping[str, Any], found: Manifest | None) -> list[Field]:
    """What differs from what was applied; of an object that is gone there is nothing to tell."""
    if found is None or wanted["kind"] == "Secret":
        return []
    asked, stands = _standing(wanted, wanted), _standing(wanted, found)
    told = []
    for path in dict.fromkeys([*asked, *stands]):
        name = stamps.written(path)
        before = settled.get(name, asked.get(path, stamps.GONE))
        after = stands.get(path, stamps.GONE)
        if before != after:
            told.append({"path": path, "wanted": _short(before), "stands": _short(after)})
    return told[:_MOST]


def is_told(fields: Sequence[Field], known: Sequence[Field]) -> bool:
    """Whether exactly these stand in `known`, whoever set them."""
    return [_told(stamps.written(one["path"]), one) for one in fields] == [
        _told(one["field"], one) for one in known
    ]


def _told(name: str, one: Field) -> tuple[str, Any, Any]:
    return name, one["wanted"], one["stands"]


def attributed(fields: Sequence[Field], live: Manifest | None) -> list[Field]:
    """With the manager who set each field; `live` bears managedFields."""
    return [
        {
            "field": stamps.written(one["path"]),
            "wanted": one["wanted"],
            "stands": one["stands"],
            "by": _setter(tuple(one["path"]), live or {}),
        }
        for one in fields
    ]


def _standing(wanted: Manifest, stands: Manifest) -> dict[stamps.Path, Any]:
    return dict(stamps.standing(stamps.without_note(wanted), stamps.without_note(stands)))


def _short(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _KEPT else f"{text[:_KEPT]}…"


def _setter(path: stamps.Path, live: Manifest) -> str:
    """The last other manager that owns the field; where it was taken away, the last of all."""
    others = [
        entry
        for entry in live.get("metadata", {}).get("managedFields", ())
        if entry.get("manager") != MANAGER and entry.get("subresource") != "status"
    ]
    others.sort(key=lambda entry: entry.get("time", ""), reverse=True)
    owners = [entry for entry in others if _owns(entry.get("fieldsV1", {}), path)]
    named: str = next((entry["manager"] for entry in [*owners, *others]), "")
    return named


def _owns(fields: Mapping[str, Any], path: stamps.Path) -> bool:
    """A field that is owned whole bears nothing beneath it."""
    if not path:
        return True
    if path[0].startswith("["):
        rows = [sub for key, sub in fields.items() if key[:2] in ("k:", "v:", "i:")]
        return any(_owns(sub, path[1:]) for sub in rows) or not fields
    below = fields.get(f"f:{path[0]}")
    return below is not None and (not below or _owns(below, path[1:]))
