"""Units of prices and of usage as FOCUS writes them: `GiB-Hours`, `1000000 Requests`. Pure.

Source: FOCUS specification 1.2, attribute “unit format”.
"""

from __future__ import annotations

from collections.abc import Iterator

from billing.pricebook.meters import METERS, UNITS

ONE_OF_ALL = "Units"
# One and many of what a meter counts; what ends in `_gib` is counted in GiB.
_NOUNS = {
    "vcpu": ("vCPU", "vCPUs"),
    "vcpu_second": ("vCPU", "vCPUs"),
    "gpu": ("GPU", "GPUs"),
    "gb_second": ("GB-Second", "GB-Seconds"),
    "provisioned_gb_second": ("GB-Second", "GB-Seconds"),
    "runner_minute": ("Runner", "Runners"),
    "memory_gib_second": ("GiB", "GiB"),
    "public_ipv4": ("Address", "Addresses"),
    "read_requests": ("Request", "Requests"),
    "write_requests": ("Request", "Requests"),
    "tokens_in": ("Token", "Tokens"),
    "tokens_out": ("Token", "Tokens"),
    "queries": ("Query", "Queries"),
    "policies": ("Policy", "Policies"),
    "sms": ("Message", "Messages"),
    "staff_users": ("User", "Users"),
    "active_users": ("User", "Users"),
    "protected_vms": ("VM", "VMs"),
    "spend": ("EUR", "EUR"),
}
_TIMES = {"hour": "Hours", "minute": "Minutes", "second": "Seconds", "month": "Months"}
_COUNTS = {"thousand": "1000", "ten-thousand": "10000", "million": "1000000"}


def noun(meter: str) -> tuple[str, str]:
    if meter in _NOUNS:
        return _NOUNS[meter]
    if meter.endswith("_gib"):
        return "GiB", "GiB"
    word = meter.rstrip("s").replace("_", " ").title().replace(" ", "")
    return word, f"{word}s"


def pricing_unit(meter: str, unit: str) -> str:
    """What one price is for."""
    one, many = noun(meter)
    if unit in _TIMES:
        return f"{one}-{_TIMES[unit]}"
    if unit == "thousand-months":
        return f"1000 {one}-Months"
    if unit in _COUNTS:
        return f"{_COUNTS[unit]} {many}"
    return "GiB" if unit == "GiB" else many


def consumed_unit(meter: str, unit: str) -> str:
    """What `CostLine.quantity` counts: seconds of a piece, pieces, or GiB."""
    if unit in _TIMES or unit == "thousand-months":
        return f"{noun(meter)[0]}-Seconds"
    return "GiB" if unit == "GiB" else noun(meter)[1]


def all_units() -> Iterator[tuple[str, str, str, str]]:
    """Meter, unit, PricingUnit and ConsumedUnit, for every pair that a price may have."""
    for meter in METERS:
        for unit in UNITS:
            yield meter, unit, pricing_unit(meter, unit), consumed_unit(meter, unit)
