"""Advice in words, in the reader's language: what to do, and the figures that say so."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from portal.kernel.formats import number

if TYPE_CHECKING:
    from billing.models import Recommendation

_GIB = Decimal(1024)


def title(row: Recommendation, name: str) -> str:
    """`name` is how the reader knows the service."""
    proposed = {"name": name, "plan": row.current.get("plan", ""), **row.proposed}
    if row.kind == "right_size":
        proposed["before"] = row.current["plan"]
        return _("Change %(name)s from %(before)s to %(plan)s") % proposed
    if row.proposed.get("action") == "delete":
        return _("Delete %(name)s, which nobody uses") % proposed
    return _("Pause %(name)s, which nobody uses") % proposed


def reasons(row: Recommendation) -> list[str]:
    """The figures that the rule used, a sentence each."""
    return _size(row) if row.kind == "right_size" else _idle(row.evidence)


def _size(row: Recommendation) -> list[str]:
    need, tried = row.evidence["need"], row.evidence["simulated"]
    found = [
        _(
            "Measured in %(hours)s hours of two weeks: 95 %% of the time it took at most %(cpu)s "
            "vCPU, and of memory at most %(memory)s GiB."
        )
        % {
            "hours": number(Decimal(need["hours"])),
            "cpu": cores(need["cpu_p95"]),
            "memory": gib(need["memory_p99"]),
        },
        _("With room to spare it needs %(cpu)s vCPU and %(memory)s GiB.")
        % {"cpu": cores(need["cpu"]), "memory": gib(max(need["memory"], need["cache"]))},
        _(
            "On %(plan)s none of these hours would have been fuller than 90 %%: at most %(cpu)s %% "
            "of its processors and %(memory)s %% of its memory."
        )
        % {
            "plan": row.proposed["plan"],
            "cpu": number(Decimal(tried["cpu_percent"])),
            "memory": number(Decimal(tried["memory_percent"])),
        },
    ]
    if row.confidence != "high":
        found.append(
            _("To be sure, wait until ten days are measured and even the highest peaks fit.")
        )
    return found


def _idle(evidence: dict[str, Any]) -> list[str]:
    params = {
        "days": number(Decimal(evidence["days"])),
        "hours": number(Decimal(evidence["hours"])),
        "percent": number(Decimal(evidence["cpu_percent"])),
    }
    if evidence["because"] == "no-clients":
        text = _(
            "No client was connected in the last %(days)s days; %(hours)s hours were measured."
        )
    else:
        text = _(
            "In no minute of the last %(days)s days did it take more than %(percent)s %% of its "
            "processors; %(hours)s hours were measured."
        )
    return [text % params, _("Paused, it costs its storage only, and comes back with its data.")]


def cores(millicores: int) -> str:
    return number(Decimal(millicores) / 1000, 2)


def gib(mib: int) -> str:
    return number(Decimal(mib) / _GIB, 1)
