"""The steps of an operation, as its row keeps them. Pure: each function gives a new list.

A step is `{code, params, started, finished, percent}`. `params["waits"]` of the one at work is the
code of what is waited for.
"""

from __future__ import annotations

from typing import Any

from portal.kernel import clock

Steps = list[dict[str, Any]]
_USUAL = "operator-works"  # the step's own title says it


def blank(code: str) -> dict[str, Any]:
    return {"code": code, "params": {}, "started": None, "finished": None, "percent": None}


def advance(steps: Steps, code: str, percent: int | None, params: dict[str, Any]) -> Steps:
    """`code` is being done now: those before it are finished; one not foreseen joins at its
    place.
    """
    now = clock.now().isoformat()
    if code not in [s["code"] for s in steps]:
        begun = sum(1 for s in steps if s["started"])
        steps = [*steps[:begun], blank(code), *steps[begun:]]
    done: Steps = []
    reached = False
    for one in steps:
        if one["code"] == code:
            reached = True
            one = {
                **one,
                "started": one["started"] or now,
                "percent": percent,
                "params": {**one["params"], **params},
            }
        elif not reached and one["started"] and not one["finished"]:
            one = {**_calm(one), "finished": now, "percent": None}
        done.append(one)
    return done


def finished(steps: Steps) -> Steps:
    """All that began is finished; what was foreseen and not needed is left out."""
    now = clock.now().isoformat()
    return [
        {**_calm(s), "finished": s["finished"] or now, "percent": None}
        for s in steps
        if s["started"]
    ]


def waiting(steps: Steps, code: str) -> Steps:
    """`code` is what the step at work waits for."""
    return [
        {**_calm(s), "params": {**_calm(s)["params"], "waits": code}}
        if s["started"] and not s["finished"] and code not in ("", _USUAL)
        else _calm(s)
        for s in steps
    ]


def waited_for(steps: Steps) -> str:
    """The code; empty where nothing was."""
    return next((s["params"]["waits"] for s in steps if "waits" in s["params"]), "")


def _calm(step: dict[str, Any]) -> dict[str, Any]:
    return {**step, "params": {k: v for k, v in step["params"].items() if k != "waits"}}
