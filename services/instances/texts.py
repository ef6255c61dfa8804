"""What people read about operations, by code: steps, and failures with what they mean and what to
do.

Rows store codes and parameters; these texts are made at read, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_STEPS = {
    "engine": (gettext_noop("Server program"), gettext_noop("Downloading %(engine)s, %(mib)s MB")),
    "place": (gettext_noop("Place reserved"), gettext_noop("Ports, user and certificate")),
    "data": (gettext_noop("Data directory"), ""),
    "configure": (gettext_noop("New settings applied"), ""),
    "start": (gettext_noop("Server started"), ""),
    "ready": (gettext_noop("Answers its first client"), ""),
    "access": (gettext_noop("Users and rights"), ""),
    "namespace": (gettext_noop("Project's place in the cluster"), ""),
    "objects": (gettext_noop("Handed to the operator"), ""),
    "operator": (gettext_noop("Operator at work"), ""),
    "rotate": (gettext_noop("New password set"), ""),
    "stop": (gettext_noop("Server stopped"), ""),
    "remove": (gettext_noop("Data, ports and user removed"), ""),
    "undo": (gettext_noop("Undoing what was begun"), ""),
}

_KINDS = {
    "create": gettext_noop("Create %(name)s"),
    "update": gettext_noop("Change %(name)s"),
    "upgrade": gettext_noop("Upgrade %(name)s"),
    "pause": gettext_noop("Pause %(name)s"),
    "resume": gettext_noop("Resume %(name)s"),
    "rotate": gettext_noop("Change the password of %(name)s"),
    "delete": gettext_noop("Delete %(name)s"),
    "undelete": gettext_noop("Bring %(name)s back"),
    "purge": gettext_noop("Destroy %(name)s"),
    "backup": gettext_noop("Back up %(name)s"),
    "restore": gettext_noop("Restore %(name)s"),
    "repair": gettext_noop("Repair %(name)s"),
}

# Why Polder began an operation by itself.
_REASONS = {
    "bin": gettext_noop("Its time in the bin was over."),
    "certificate": gettext_noop("Its certificate was due."),
    "drift": gettext_noop("It was changed outside of Polder and is put back."),
    "rollout": gettext_noop("A newer way to run it is brought to it within its window."),
}

_RETRY = gettext_noop("Try again. If it fails again, send us the operation's number.")
_ERRORS = {
    "timed-out": (
        gettext_noop("This took longer than it may, so it was stopped."),
        gettext_noop("Try again. Staff have been told and look at it."),
    ),
    "engine-checksum": (
        gettext_noop(
            "The downloaded server program is not the one that was checked: it was refused."
        ),
        gettext_noop(
            "Nothing of it was kept. Try again later; staff must look at the package source."
        ),
    ),
    "engine-download": (
        gettext_noop("The server program could not be downloaded."),
        gettext_noop("Check the machine's connection to the package registries, then try again."),
    ),
    "engine-disk-full": (
        gettext_noop("The disk is full, so the server program could not be installed."),
        gettext_noop("Free some space under the data directory, then try again."),
    ),
    "engine-read-only": (
        gettext_noop("The data directory cannot be written to."),
        gettext_noop("Make it writable for the user who runs Polder, then try again."),
    ),
    "engine-no-build": (
        gettext_noop("The package index holds no build of this server program for this machine."),
        gettext_noop("Choose another version; staff can point the package index elsewhere."),
    ),
    "engine-missing": (
        gettext_noop("The server program of this version is not installed."),
        gettext_noop("Install it with “manage.py engines install”, then try again."),
    ),
    "engine-missing-debian": (
        gettext_noop("The server program is not installed on this machine."),
        gettext_noop("Install its Debian package, then try again."),
    ),
    "engine-crashed": (
        gettext_noop("The server ended again and again after its start."),
        gettext_noop("Read its last words below; a changed parameter is the usual cause."),
    ),
    "engine-refused": (
        gettext_noop("The server refused what it was asked to do."),
        gettext_noop("Read its answer below, then try again."),
    ),
    "engine-not-ready": (gettext_noop("The server does not answer yet."), _RETRY),
    "engine-installing": (gettext_noop("The server program is being installed."), ""),
    "program-failed": (
        gettext_noop("A program that prepares the service failed."),
        gettext_noop("Read its last words below, then try again."),
    ),
    "program-slow": (gettext_noop("A program that prepares the service took too long."), _RETRY),
    "disk-full": (
        gettext_noop("The disk is full."),
        gettext_noop("Free some space under the data directory, then try again."),
    ),
    "no-port": (
        gettext_noop("No port is free on this machine."),
        gettext_noop("Delete services that are not needed, then try again."),
    ),
    "path-too-long": (
        gettext_noop("The path of the data directory is too long for a socket."),
        gettext_noop("Set POLDER_HOME to a shorter path."),
    ),
    "user-refused": (gettext_noop("The system would not make a user for this service."), _RETRY),
    "not-here": (
        gettext_noop("This service cannot run in this region."),
        gettext_noop("Choose another region."),
    ),
    "no-backend": (
        gettext_noop("The region names a backend that this release does not have."),
        gettext_noop("Staff must correct the region's settings."),
    ),
    "supervisor-down": (gettext_noop("The region does not answer."), _RETRY),
    "operator-failed": (
        gettext_noop("The operator that runs this kind of service gave up."),
        gettext_noop("Read what it says below. Staff have been told and look at it."),
    ),
    "operator-works": (gettext_noop("The operator is still at work."), ""),
    "operator-retries": (gettext_noop("The operator tries again after a failure."), ""),
    "operator-degraded": (gettext_noop("A part of the service does not run."), ""),
    "cluster-quota": (
        gettext_noop("The project's place in the cluster is full."),
        gettext_noop("Delete what is not needed, or ask for more quota, then try again."),
    ),
    "field-conflict": (
        gettext_noop("Somebody else changed this service in the cluster."),
        gettext_noop("Staff must settle with %(manager)s who sets the fields named below."),
    ),
    "object-refused": (
        gettext_noop("The cluster refused what this service is made of."),
        gettext_noop("Read its answer below; a parameter is the usual cause."),
    ),
    "kind-not-served": (
        gettext_noop("The operator for this kind of service is not installed in this region."),
        gettext_noop("Choose another region, or ask staff to install it."),
    ),
    "not-allowed-there": (
        gettext_noop("The portal may not do this in the region's cluster."),
        gettext_noop("Staff must correct its rights or its token."),
    ),
    "region-unreachable": (gettext_noop("The region does not answer."), _RETRY),
    "region-busy": (gettext_noop("The region has too much to do."), _RETRY),
    "namespace-gone": (gettext_noop("The project's place in the cluster is gone."), _RETRY),
    "webhook-away": (gettext_noop("The operator does not answer now."), _RETRY),
    "changed-meanwhile": (gettext_noop("Something changed it at the same moment."), _RETRY),
    "kubeconfig-wrong": (
        gettext_noop("The access to the region's cluster cannot be used."),
        gettext_noop("Staff must replace its kubeconfig."),
    ),
    "secrets-missing": (gettext_noop("Its passwords are not there yet."), _RETRY),
    "deleting": (gettext_noop("It is being deleted; something holds it back."), _RETRY),
    "internal": (
        gettext_noop("Something in Polder itself went wrong."),
        gettext_noop("Try again. If it fails again, send us the operation's number."),
    ),
}


def step_text(code: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """(title, detail) of a step, or what it waits for; an unknown code is shown as it is."""
    title, detail = _STEPS.get(code, (code, ""))
    filled = {"engine": "", "mib": "", **params}
    return _(title), (_(detail) % filled if detail else _waits_for(params))


_LABELS = {
    "create": gettext_noop("Create"),
    "update": gettext_noop("Change"),
    "upgrade": gettext_noop("Upgrade"),
    "pause": gettext_noop("Pause"),
    "resume": gettext_noop("Resume"),
    "rotate": gettext_noop("Change password"),
    "delete": gettext_noop("Delete"),
    "undelete": gettext_noop("Bring back"),
    "purge": gettext_noop("Destroy"),
    "backup": gettext_noop("Back up"),
    "restore": gettext_noop("Restore"),
    "repair": gettext_noop("Repair"),
}


def kind_label(kind: str) -> str:
    """What operations of a kind do, in a word or two."""
    return _(_LABELS.get(kind, kind))


def operation_title(kind: str, name: str) -> str:
    return _(_KINDS.get(kind, "%(name)s")) % {"name": name}


def error_text(code: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """(what happened and what it means, what to do)."""
    text, hint = _ERRORS.get(code, (gettext_noop("The operation failed."), _RETRY))
    filled = {"manager": "", **params}
    said = f"{_(text)} {_waits_for(params)}".rstrip()
    return said, (_(hint) % filled if hint else "")


def _waits_for(params: Mapping[str, Any]) -> str:
    """A sentence; empty where nothing is known of it."""
    text, _hint = _ERRORS.get(params.get("waits", ""), ("", ""))
    return _(text) if text else ""


def reason_text(reason: str) -> str:
    """What a person wrote, as it is; Polder's own reasons in the reader's language."""
    return _(_REASONS[reason]) if reason in _REASONS else reason
