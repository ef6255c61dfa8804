"""What the SLA promises of a plan."""

from __future__ import annotations

from decimal import Decimal

from services.spec.catalogue import Family, Offering, Plan

# Source: the layer's SLA classes. A plan on one node promises less, and a dev plan least; both say
# so.
_PROMISED = {
    "compute": Decimal("99.95"),
    "database": Decimal("99.99"),
    "storage": Decimal("99.99"),
    "kubernetes": Decimal("99.95"),
    "api-gateway": Decimal("99.99"),
}


def promised_availability(offering: Offering, plan: Plan) -> Decimal:
    """Per cent of a calendar month."""
    if plan.ha:
        return _PROMISED[offering.sla_class]
    return Decimal("99.0") if plan.id.startswith("dev-") else Decimal("99.5")


# Milliseconds. Source: the layer's objectives (databases 10, APIs 100, delivery of messages 1,000).
_ANSWERS_WITHIN = {"database": 10, "storage": 100, "kubernetes": 100, "api-gateway": 100}
_DELIVERS_WITHIN = 1000


def promised_latency(offering: Offering, plan: Plan) -> int | None:
    """Milliseconds within which 95 of 100 probes of five minutes are answered. None where nothing
    is promised: on a dev plan, and where the tenant's own program answers.
    """
    if plan.id.startswith("dev-"):
        return None
    if offering.family == Family.INTEGRATION:
        return _DELIVERS_WITHIN
    return _ANSWERS_WITHIN.get(offering.sla_class)
