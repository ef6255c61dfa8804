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
    "not-looked-at": (
        gettext_noop("%(region)s is new or was changed, and has not been looked at since."),
        gettext_noop("Try again in a minute."),
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

# What a cluster lacks is staff's to see to: tenants read that it is not offered there.
_NOT_OFFERED = (
    gettext_noop("%(offering)s is not offered in %(region)s."),
    gettext_noop("Choose another region, or ask the provider's support for it."),
)
_STAFF_REASONS = {
    "kubernetes-old": (
        gettext_noop("The cluster runs Kubernetes %(version)s, which is too old."),
        gettext_noop("Upgrade it to %(minimum)s or newer."),
    ),
    "operator-missing": (
        gettext_noop("The cluster does not know: %(kinds)s."),
        gettext_noop("Install the operator of %(offering)s there; docs/kubernetes.md names it."),
    ),
    "setting-missing": (
        gettext_noop("It needs what is not set: %(settings)s."),
        gettext_noop("Fill it in among the settings of the region."),
    ),
    "issuer-missing": (
        gettext_noop("The cluster has no ClusterIssuer “%(name)s”."),
        gettext_noop("Make it there, or name another among the settings of the region."),
    ),
    "storage-class-missing": (
        gettext_noop("The cluster has no storage class “%(name)s”."),
        gettext_noop("Make it there, or name another among the settings of the region."),
    ),
    "right-missing": (
        gettext_noop("Polder's account lacks rights in the cluster: %(rights)s."),
        gettext_noop("Give it the rights of deploy/region, then look again."),
    ),
}
# Reasons for which a region does not offer something at all, rather than not just now.
NOT_OFFERED = frozenset(
    {"needs-kubernetes", "needs-process", "no-version-here", "not-looked-at", *_STAFF_REASONS}
)


def reason_text(code: str, params: Mapping[str, str], *, to_staff: bool = False) -> tuple[str, str]:
    """(reason, hint) in the reader's language; an unknown code is shown as it is."""
    known = {**_REASONS, **(_STAFF_REASONS if to_staff else {})}
    unknown = _NOT_OFFERED if code in _STAFF_REASONS else (code, "")
    reason, hint = known.get(code, unknown)
    names = params.get("settings", "").split(",")
    filled = {"package": "", **params, "settings": ", ".join(map(setting_label, names))}
    return _(reason) % filled, (_(hint) % filled if hint else "")


# Why a parameter means nothing in a region, by the setting that it lacks.
_NO_WAY_IN = gettext_noop("Nothing in %(region)s can be reached from the internet.")
_IDLE = {
    "external": _NO_WAY_IN,
    "domain": _NO_WAY_IN,
    "issuer": gettext_noop("%(region)s has no certificates for it."),
    "backup_store": gettext_noop("%(region)s has no store for backups."),
}


def idle_text(code: str, region: str) -> str:
    """Why a parameter cannot be set in `region`, in the reader's language."""
    text = _IDLE.get(code, gettext_noop("This setting means nothing in %(region)s."))
    return _(text) % {"region": region}


_KEPT = gettext_noop("Kept encrypted and never shown. Empty: what is kept stays.")
# Name, and what it is for, as the form of a region's settings says it.
SETTINGS = {
    "storage_class": (
        gettext_noop("Storage class"),
        gettext_noop("Of the volumes. Empty: the cluster's default."),
    ),
    "issuer": (
        gettext_noop("Certificate issuer"),
        gettext_noop("The ClusterIssuer of cert-manager that signs what tenants connect to."),
    ),
    "domain": (
        gettext_noop("Domain"),
        gettext_noop("What public names end with; its records must point into the cluster."),
    ),
    "zones": (
        gettext_noop("Zones"),
        gettext_noop("Values of topology.kubernetes.io/zone, with commas between."),
    ),
    "backup_store": (gettext_noop("Backup store"), ""),
    "backup_endpoint": (
        gettext_noop("Address of the backup store"),
        gettext_noop("An S3 service, best in another place. Empty: no backups here."),
    ),
    "backup_bucket": (gettext_noop("Bucket for backups"), gettext_noop("It must be there.")),
    "backup_region": (
        gettext_noop("The store's name for its region"),
        gettext_noop("Empty where it has none."),
    ),
    "backup_access_key": (gettext_noop("Access key of the store"), _KEPT),
    "backup_secret_key": (gettext_noop("Secret key of the store"), _KEPT),
    "metrics_url": (
        gettext_noop("Address of the metrics API"),
        gettext_noop(
            "It must speak the API of Prometheus. Empty: invocations and traffic are not counted."
        ),
    ),
    "metrics_token": (gettext_noop("Token of the metrics API"), _KEPT),
    "metrics_ca": (
        gettext_noop("Its certificate authority"),
        gettext_noop("As PEM. Empty: those that this system trusts."),
    ),
    "metrics_egress": (
        gettext_noop("Counter of traffic to the internet"),
        gettext_noop("A series selector of PromQL: bytes that each pod sent. “off”: not counted."),
    ),
    "metrics_egress_labels": (
        gettext_noop("Its labels"),
        gettext_noop("That of the namespace and that of the pod, with a comma between."),
    ),
    "external": (
        gettext_noop("Public endpoints"),
        gettext_noop("Services can be reached from outside of the cluster, by a load balancer."),
    ),
    "drift": (
        gettext_noop("Changes by others"),
        gettext_noop("What Polder does when somebody changes its objects in the cluster."),
    ),
    "resync_minutes": (
        gettext_noop("Compare everything each, minutes"),
        gettext_noop("It heals what the watch of the cluster missed."),
    ),
}
DRIFTS = {
    "show": gettext_noop("Show them, leave them"),
    "correct": gettext_noop("Set them right"),
}


def setting_label(name: str) -> str:
    """In the reader's language."""
    return _(SETTINGS[name][0]) if name in SETTINGS else name


_FAULTS = {
    "region-unreachable": (
        gettext_noop("The API server does not answer."),
        gettext_noop("Check its address and the network between; a replaced kubeconfig helps."),
    ),
    "region-busy": (gettext_noop("The API server is busy or starting."), ""),
    "not-allowed-there": (
        gettext_noop("The API server does not accept Polder's account."),
        gettext_noop("Its token may have ended: replace the kubeconfig."),
    ),
    "kubeconfig-wrong": (
        gettext_noop("Polder cannot use the kubeconfig."),
        gettext_noop("Replace it."),
    ),
    "supervisor-down": (
        gettext_noop("The supervisor of this machine's servers is away."),
        gettext_noop("Look at its log, then start Polder again."),
    ),
    "no-backend": (gettext_noop("This release has no backend of that kind."), ""),
}


_METRICS = {
    "answers": gettext_noop("answers"),
    "metrics-away": gettext_noop("does not answer"),
    "metrics-refused": gettext_noop("refuses what it is asked; its token or address may be wrong"),
}


def metrics_text(word: str) -> str:
    """How the metrics API is, in the reader's language."""
    return _(_METRICS[word]) if word in _METRICS else word


def fault_text(code: str) -> tuple[str, str]:
    """(what is wrong with the region, what staff can do), in the reader's language."""
    text, hint = _FAULTS.get(code, ("", ""))
    return (_(text) if text else code), (_(hint) if hint else "")


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
