"""What can be counted, by code: its unit and the word for people. Plain data.

A unit is what one price is for: an hour of one piece or one GiB, a million requests, a month of one
zone. A price may name another unit than the meter's usual one (10,000 requests instead of a
million). Meters that end in `_gib` count what is kept, in GiB-hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_noop

UNITS = {
    "hour": gettext_noop("hour"),
    "second": gettext_noop("second"),
    "minute": gettext_noop("minute"),
    "month": gettext_noop("month"),
    "GiB": gettext_noop("GiB"),
    "one": gettext_noop("piece"),
    "thousand": gettext_noop("1,000"),
    "ten-thousand": gettext_noop("10,000"),
    "million": gettext_noop("million"),
    "thousand-months": gettext_noop("1,000 for a month"),
    "euro": gettext_noop("euro spent in the month"),
}

# Base units in one priced unit. A month has as many seconds as the calendar says.
_SIZES = {
    "hour": Decimal(3600),
    "minute": Decimal(60),
    "second": Decimal(1),
    "GiB": Decimal(1),
    "one": Decimal(1),
    "thousand": Decimal(1000),
    "ten-thousand": Decimal(10_000),
    "million": Decimal(1_000_000),
    "euro": Decimal(1),
}

# Whose allowance a price's free quantity is.
FREE_FOR = {
    "": gettext_noop("each organisation, each month"),
    "dev": gettext_noop("dev plans of an organisation, each month"),
    "dev-vm": gettext_noop("one for each dev machine"),
    "own-storage": gettext_noop("as much as the service stores"),
}


@dataclass(frozen=True, slots=True)
class Meter:
    """`code` counts in `unit`; `label` is marked for translation."""

    code: str
    unit: str
    label: str

    @property
    def is_stored(self) -> bool:
        """Whether it counts what is kept, in GiB-hours (memory is time of a machine)."""
        return self.code.endswith("_gib") and self.code != "memory_gib"


_ALL = (
    # time of machines and their parts
    Meter("vcpu", "hour", gettext_noop("vCPU")),
    Meter("memory_gib", "hour", gettext_noop("Memory, GiB")),
    Meter("gpu", "hour", gettext_noop("GPU")),
    Meter("gpu_l4", "hour", gettext_noop("GPU, L4")),
    Meter("gpu_l40s", "hour", gettext_noop("GPU, L40S")),
    Meter("gpu_h100", "hour", gettext_noop("GPU, H100 with 80 GB")),
    Meter("control_plane", "hour", gettext_noop("Control plane")),
    Meter("scheduler", "hour", gettext_noop("Scheduler")),
    Meter("public_ipv4", "hour", gettext_noop("Public IPv4 address")),
    Meter("network", "hour", gettext_noop("Network")),
    Meter("gateway", "hour", gettext_noop("Gateway")),
    Meter("load_balancer", "hour", gettext_noop("Load balancer")),
    Meter("connection", "hour", gettext_noop("Connection")),
    Meter("vcpu_second", "second", gettext_noop("vCPU while working")),
    Meter("memory_gib_second", "second", gettext_noop("Memory while working, GiB")),
    Meter("gb_second", "thousand", gettext_noop("GB-seconds")),
    Meter("provisioned_gb_second", "thousand", gettext_noop("GB-seconds held ready")),
    Meter("runner_minute", "minute", gettext_noop("Runner")),
    # what is kept
    Meter("storage_gib", "hour", gettext_noop("Storage, GiB")),
    Meter("backup_gib", "hour", gettext_noop("Backups, GiB")),
    Meter("kept_gib", "hour", gettext_noop("Kept longer than 7 days, GiB")),
    # what flows
    Meter("egress", "GiB", gettext_noop("Traffic to the internet")),
    Meter("retrieval", "GiB", gettext_noop("Retrieval")),
    Meter("traffic", "GiB", gettext_noop("Traffic")),
    Meter("ingested", "GiB", gettext_noop("Taken in")),
    # what is asked
    Meter("invocations", "million", gettext_noop("Invocations")),
    Meter("requests", "million", gettext_noop("Requests")),
    Meter("read_requests", "million", gettext_noop("Read requests")),
    Meter("write_requests", "million", gettext_noop("Write requests")),
    Meter("queries", "million", gettext_noop("Queries")),
    Meter("messages", "million", gettext_noop("Messages")),
    Meter("events", "million", gettext_noop("Events")),
    Meter("steps", "thousand", gettext_noop("Steps")),
    Meter("samples", "million", gettext_noop("Samples")),
    Meter("tokens_in", "million", gettext_noop("Tokens in")),
    Meter("tokens_out", "million", gettext_noop("Tokens out")),
    Meter("mails", "thousand", gettext_noop("Mails")),
    Meter("sms", "one", gettext_noop("SMS")),
    # what is held for a month
    Meter("zones", "month", gettext_noop("Zones")),
    Meter("policies", "month", gettext_noop("Policies")),
    Meter("devices", "thousand-months", gettext_noop("Devices")),
    Meter("secrets", "month", gettext_noop("Secrets")),
    Meter("keys", "month", gettext_noop("Keys")),
    Meter("certificates", "month", gettext_noop("Certificates")),
    Meter("staff_users", "month", gettext_noop("Staff accounts")),
    Meter("active_users", "month", gettext_noop("Active users")),
    Meter("protected_vms", "month", gettext_noop("Protected machines")),
    Meter("edge_nodes", "month", gettext_noop("Edge nodes")),
    Meter("support", "month", gettext_noop("Support, at least")),
    Meter("spend", "euro", gettext_noop("Support, share of the month")),
)
METERS = {meter.code: meter for meter in _ALL}
# What a plan is made of, so what every offering's price class must price.
PLAN_METERS = ("vcpu", "memory_gib", "storage_gib")
# What any service may use, priced by a class of its own: the class, and its meter there.
PRICED_ELSEWHERE = {
    "egress": ("network.egress", "egress"),
    "public_ipv4": ("network.ipv4", "public_ipv4"),
    "gpu_l4": ("compute.gpu-l4", "gpu"),
    "gpu_l40s": ("compute.gpu-l40s", "gpu"),
    "gpu_h100": ("compute.gpu-h100", "gpu"),
}
# What a service has one of, whatever its plan; charged where its offering counts it.
HELD_ONCE = ("control_plane",)


def base_units(unit: str, seconds_of_month: int) -> Decimal:
    """How many base units one priced `unit` has: usage of time is counted in seconds, of pieces in
    pieces, of traffic in GiB. Raises: KeyError for an unknown unit.
    """
    if unit == "month":
        return Decimal(seconds_of_month)
    if unit == "thousand-months":
        return Decimal(seconds_of_month) * 1000
    return _SIZES[unit]
