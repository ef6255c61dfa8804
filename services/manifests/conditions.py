"""How the status of an object is read. "Ready" counts only for the generation that we applied."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.spec import Live, Manifest, Observation, Observed, Ref, Secret


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of `status.conditions`. `current` is False for one about an older generation;
    `since` is when its status last changed.
    """

    status: str = ""
    reason: str = ""
    message: str = ""
    current: bool = True
    since: str = ""

    @property
    def true(self) -> bool:
        return self.status == "True" and self.current

    @property
    def false(self) -> bool:
        return self.status == "False"


def status(live: Live, ref: Ref) -> Mapping[str, Any]:
    """Empty where the object or its status is not there yet."""
    found: Mapping[str, Any] = live.get(ref, {}).get("status") or {}
    return found


def condition(found: Manifest, type: str) -> Condition:  # the field's own name
    """Of an object; blank where nobody wrote it yet."""
    for row in (found.get("status") or {}).get("conditions") or ():
        if row.get("type") == type:
            seen = row.get("observedGeneration", generation(found))
            return Condition(
                row.get("status", ""),
                row.get("reason", ""),
                row.get("message", ""),
                seen >= generation(found),
                row.get("lastTransitionTime", ""),
            )
    return Condition()


def generation(found: Manifest) -> int:
    number: int = found.get("metadata", {}).get("generation", 0)
    return number


def up_to_date(found: Manifest) -> bool:
    """Whether the operator's status is about the object as it stands (`observedGeneration`)."""
    seen: int = (found.get("status") or {}).get("observedGeneration", 0)
    return seen >= generation(found)


def progressing(code: str = "", detail: str = "") -> Observation:
    return Observation(Observed.PROGRESSING, code, detail)


def failed(detail: str, code: str = "operator-failed") -> Observation:
    """`detail` is the operator's own message."""
    return Observation(Observed.FAILED, code, detail)


def degraded(detail: str, code: str = "operator-degraded") -> Observation:
    return Observation(Observed.DEGRADED, code, detail)


def replicas(found: Manifest) -> tuple[int, int]:
    """(ready, wanted) of a StatefulSet or Deployment; (0, wanted) while its controller has not seen
    this generation, or pods of an older one still run.
    """
    wanted = int(found.get("spec", {}).get("replicas", 1))
    said = found.get("status") or {}
    if not up_to_date(found) or said.get("updatedReplicas", 0) < wanted:
        return 0, wanted
    return min(int(said.get("readyReplicas", 0)), wanted), wanted


def paused(found: Manifest) -> bool:
    """Whether a StatefulSet or Deployment of no replicas has lost its last pod."""
    said = found.get("status") or {}
    none_wanted = found.get("spec", {}).get("replicas") == 0
    return none_wanted and up_to_date(found) and not said.get("replicas")


def secret_value(live: Live, ref: Ref, key: str) -> Secret:
    """One value of a Secret. Raises: KeyError while it is not there."""
    return Secret(base64.b64decode(live[ref]["data"][key]).decode())


def authority(live: Live, ref: Ref) -> str:
    """The CA of the certificate in a Secret; empty where one signed it that all clients know.
    Raises: KeyError while the Secret is not there.
    """
    return str(secret_value(live, ref, "ca.crt")) if "ca.crt" in live[ref]["data"] else ""
