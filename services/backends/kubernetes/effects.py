"""What a change means for who is connected. Pure."""

from __future__ import annotations

from services.spec import Effect, Entry, InstanceSpec


def effect(entry: Entry, before: InstanceSpec, after: InstanceSpec) -> Effect:
    """Operators change one node after the other where there are three, unless nothing may run while
    data is converted.
    """
    if before.version != after.version and entry.offering.upgrade_stops:
        return "restart"
    known = {p.name: p for p in entry.offering.parameters}
    changed = {n for n, v in after.parameters.items() if before.parameters.get(n) != v}
    restarts = any(known[name].restarts("kubernetes") for name in changed & set(known))
    if (before.plan, before.version) == (after.plan, after.version) and not restarts:
        return "none"
    return "rolling" if before.plan.ha and after.plan.ha else "restart"
