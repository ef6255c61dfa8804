"""Why something cannot be ordered in a region: what it means and what to do, by code."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_REASONS = {
    "region-closed": (
        gettext_noop("%(region)s takes no new orders now."),
        gettext_noop("Choose another region."),
    ),
    "needs-kubernetes": (
        gettext_noop("%(offering)s runs only in regions with Kubernetes."),
        gettext_noop("Choose another region."),
    ),
    "needs-process": (
        gettext_noop("%(offering)s does not run in %(region)s."),
        gettext_noop("Choose another region."),
    ),
    "engine-missing-debian": (
        gettext_noop("The server program of %(offering)s is not installed on this machine."),
        gettext_noop("Install it with “apt install %(package)s”, then try again."),
    ),
    "no-version-here": (
        gettext_noop("No version of %(offering)s runs in %(region)s."),
        gettext_noop("Choose another region."),
    ),
    "one-node-only": (
        gettext_noop("%(region)s is one machine: plans with several nodes need zones."),
        gettext_noop("Choose a plan on one node, or a region with zones."),
    ),
    "plan-retired": (
        gettext_noop("This plan is no longer offered."),
        gettext_noop("Choose another plan. Services that have it keep it."),
    ),
}


def reason_text(code: str, params: Mapping[str, str]) -> tuple[str, str]:
    """(reason, hint) in the reader's language; an unknown code is shown as it is."""
    reason, hint = _REASONS.get(code, (code, ""))
    filled = {"package": "", **params}
    return _(reason) % filled, (_(hint) % filled if hint else "")


_QUOTAS = {
    "instances": gettext_noop("Services"),
    "vcpu": gettext_noop("vCPU"),
    "memory_mib": gettext_noop("Memory, MiB"),
    "storage_gib": gettext_noop("Storage, GiB"),
    "gpu": gettext_noop("GPU"),
    "public_endpoints": gettext_noop("Public endpoints"),
}


def quota_label(name: str) -> str:
    """What a quota counts, in the reader's language."""
    return _(_QUOTAS.get(name, name))


_REQUESTS = {
    "pending": gettext_noop("Waiting"),
    "approved": gettext_noop("Approved"),
    "refused": gettext_noop("Refused"),
    "withdrawn": gettext_noop("Withdrawn"),
}


def request_label(state: str) -> str:
    """The state of a request for quota, in the reader's language."""
    return _(_REQUESTS.get(state, state))
