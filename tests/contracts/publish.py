"""What is published of the catalogue and the API, and what it means; kept in published.json.

`python -m tests.contracts.publish` writes what is new there. It only adds: what stands in the file
has been promised to tenants and is never taken back by a program.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from portal.api.codes import CODES, FIELD_CODES
from services import registry
from services.spec import Offering, Parameter

PUBLISHED = Path(__file__).with_name("published.json")
HOW = "python -m tests.contracts.publish"
_LOOSER = {"minimum": min, "maximum": max}


def current() -> dict[str, Any]:
    """What this checkout offers, in the file's shape."""
    offerings = [entry.offering for entry in registry.entries().values()]
    return {
        "offerings": {o.slug: _offering(o) for o in offerings},
        "errors": {code: status for code, (status, _) in CODES.items()},
        "field_errors": sorted(FIELD_CODES),
    }


def _offering(o: Offering) -> dict[str, Any]:
    return {
        "prefix": o.prefix,
        "family": o.family.value,
        "versions": [v.id for v in o.versions],
        "plans": {
            p.id: {
                "vcpu": str(p.vcpu),
                "memory_mib": p.memory_mib,
                "storage_gib": p.storage_gib,
                "nodes": p.nodes,
            }
            for p in o.plans
        },
        "parameters": {p.name: _parameter(p) for p in o.parameters},
    }


def _parameter(p: Parameter) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": p.kind, "default": p.default, "mutable": p.mutable}
    if p.choices:
        said["choices"] = list(p.choices)
    for name in _LOOSER:
        if getattr(p, name) is not None:
            said[name] = getattr(p, name)
    return said


def broken(published: Any, now: Any, at: str = "") -> list[str]:
    """Every promise that `now` does not keep. Lists may grow, limits may be loosened, and what was
    fixed may become changeable; all else stays as it is.
    """
    name = at.rpartition(".")[2]
    if isinstance(published, dict) and isinstance(now, dict):
        faults = [
            f"{at}.{key}".lstrip(".") + " has disappeared"
            for key in published
            if key not in now and key not in _LOOSER
        ]
        for key in published.keys() & now.keys():
            faults += broken(published[key], now[key], f"{at}.{key}")
        # A limit where there was none.
        if "kind" in published:
            limits = (now.keys() - published.keys()) & _LOOSER.keys()
            faults += [f"{at}.{k} is new and refuses what was allowed".lstrip(".") for k in limits]
        return sorted(faults)
    if isinstance(published, list):
        return [f"{at}: {x!r} has disappeared".lstrip(".") for x in published if x not in now]
    if published == now or _is_looser(name, published, now):
        return []
    return [f"{at} was {published!r} and is {now!r}".lstrip(".")]


def _is_looser(name: str, published: Any, now: Any) -> bool:
    if name in _LOOSER:
        return bool(_LOOSER[name](published, now) == now)
    return name == "mutable" and published is False and now is True


def added(published: Any, now: Any, name: str = "") -> Any:
    """`published` with what `now` has beyond it. Nothing is removed or made stricter."""
    if isinstance(published, dict) and isinstance(now, dict):
        merged = {
            key: added(value, now[key], key) if key in now else value
            for key, value in published.items()
        }
        stricter = _LOOSER.keys() if "kind" in published else set()
        new = {k: v for k, v in now.items() if k not in published and k not in stricter}
        gone = {k for k in _LOOSER if "kind" in published and k in published and k not in now}
        return {k: v for k, v in {**merged, **new}.items() if k not in gone}
    if isinstance(published, list) and isinstance(now, list):
        return [*published, *(x for x in now if x not in published)]
    return now if _is_looser(name, published, now) else published


def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PUBLISHED.read_text()) if PUBLISHED.exists() else {}
    return found


def text(published: Any) -> str:
    return json.dumps(published, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    published, now = read(), current()
    if faults := broken(published, now):
        print("These promises are broken; nothing was written:", *faults, sep="\n  ")
        return 1
    merged = added(published, now)
    if merged == published:
        print("Nothing is new.")
        return 0
    PUBLISHED.write_text(text(merged))
    print(f"Added what is new to {PUBLISHED.name}. Look at the difference, then commit it.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
