"""A kubeconfig as it is kept: one cluster, one user, one context, and nothing that lies elsewhere.

Only what is named here is taken over. Files that it refers to are put in, where they can be read;
programs that it would have to run are refused. No message shows a value of it.
Source: Kubernetes, "client.config.k8s.io / Kubeconfig (v1)".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _

from portal.kernel.errors import Invalid
from services.spec import Secret

_MOST_BYTES = 256 * 1024
_CLUSTER = ("server", "certificate-authority-data", "tls-server-name", "proxy-url")
_USER = ("token", "client-certificate-data", "client-key-data")
# What refers to a file, and what holds the same in the kubeconfig itself.
_FILES = {
    "certificate-authority": "certificate-authority-data",
    "client-certificate": "client-certificate-data",
    "client-key": "client-key-data",
    "tokenFile": "token",
}
_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")


def clean(text: Secret, context: str = "", folder: Path | None = None) -> dict[str, Any]:
    """The kubeconfig of one context of `text`: `context`, or its current one. Files are read from
    `folder` (the kubeconfig's own), or refused without one. Raises: Invalid.
    """
    raw = _parsed(text)
    name, chosen = _context(raw, context)
    cluster = _named(raw, "clusters", "cluster", chosen.get("cluster"))
    user = _named(raw, "users", "user", chosen.get("user"))
    _refuse_programs(user)
    cluster, user = _with_files(cluster, folder), _with_files(user, folder)
    kept = _taken(cluster, _CLUSTER), _taken(user, _USER)
    _check(*kept, insecure=bool(cluster.get("insecure-skip-tls-verify")))
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": kept[0]}],
        "users": [{"name": "user", "user": kept[1]}],
        "contexts": [{"name": name, "context": {"cluster": "cluster", "user": "user"}}],
        "current-context": name,
    }


def server_of(kubeconfig: Mapping[str, Any]) -> str:
    """Where the API server of a cleaned kubeconfig is; empty for the cluster that this runs in."""
    return str(kubeconfig["clusters"][0]["cluster"]["server"]) if kubeconfig else ""


def _refused(text: str, hint: str = "", field: str = "kubeconfig") -> Invalid:
    return Invalid({field: f"{text} {hint}".strip()})


def _parsed(text: str) -> Mapping[str, Any]:
    raw = None
    if len(text) <= _MOST_BYTES:
        try:
            raw = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            raw = None  # raised anew below, without the error: it quotes the lines around the fault
    if not isinstance(raw, Mapping) or not raw.get("clusters"):
        raise _refused(
            _("This is no kubeconfig."),
            _("Take what “kubectl config view --raw --minify --flatten” prints."),
        )
    return raw


def _context(raw: Mapping[str, Any], wanted: str) -> tuple[str, Mapping[str, Any]]:
    found = {
        str(one.get("name")): one["context"]
        for one in _rows(raw, "contexts")
        if isinstance(one.get("context"), Mapping)
    }
    name = wanted or str(raw.get("current-context") or "")
    if name in found:
        return name, found[name]
    known = {"names": ", ".join(sorted(found)) or "—"}
    if not name:
        raise _refused(_("Name a context; there are: %(names)s.") % known, field="context")
    raise _refused(
        _("The kubeconfig has no context “%(name)s”; there are: %(names)s.")
        % {"name": name, **known},
        field="context",
    )


def _named(raw: Mapping[str, Any], rows: str, kind: str, name: object) -> Mapping[str, Any]:
    for one in _rows(raw, rows):
        if one.get("name") == name and isinstance(one.get(kind), Mapping):
            return dict(one[kind])
    raise _refused(_("The context names a cluster or a user that the kubeconfig does not have."))


def _rows(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = raw.get(name)
    return [one for one in rows if isinstance(one, Mapping)] if isinstance(rows, list) else []


def _refuse_programs(user: Mapping[str, Any]) -> None:
    account = _("Make a service account with a token for Polder, and use that.")
    for name in ("exec", "auth-provider"):
        if name in user:
            raise _refused(
                _(
                    "The kubeconfig signs in with “%(name)s”: a program on the machine of whoever "
                    "made it, which Polder does not run."
                )
                % {"name": name},
                account,
            )
    if any(name in user for name in _IMPERSONATION):
        raise _refused(_("The kubeconfig acts as somebody else (“as”)."), account)


def _with_files(part: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """`part` with the content of the files that it refers to."""
    whole = dict(part)
    for name, data in _FILES.items():
        if name not in part or part.get(data):
            continue
        if folder is None:
            raise _refused(
                _("The kubeconfig refers to a file (“%(name)s”), which is not here.")
                % {"name": name},
                _("Take what “kubectl config view --raw --minify --flatten” prints."),
            )
        content = _read(folder, name, str(part[name]))
        token = name == "tokenFile"
        whole[data] = (
            content.decode(errors="replace").strip()
            if token
            else base64.b64encode(content).decode()
        )
    return whole


def _read(folder: Path, name: str, file: str) -> bytes:
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise _refused(
            _("The file that the kubeconfig names as “%(name)s” cannot be read: %(why)s.")
            % {"name": name, "why": error.strerror}
        ) from error


def _taken(part: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: str(part[name]) for name in names if isinstance(part.get(name), str)}


def _check(cluster: Mapping[str, str], user: Mapping[str, str], *, insecure: bool) -> None:
    if not cluster.get("server", "").startswith("https://"):
        raise _refused(_("The address of the API server must begin with https://."))
    if insecure:
        raise _refused(
            _("The kubeconfig does not check the API server's certificate."),
            _("Give it the certificate authority instead."),
        )
    certificate = "client-certificate-data" in user and "client-key-data" in user
    if not (user.get("token") or certificate):
        raise _refused(
            _("The kubeconfig holds neither a token nor a client certificate with its key."),
            _("Make a service account with a token for Polder, and use that."),
        )
    for part in (cluster, user):
        for name in (one for one in part if one.endswith("-data")):
            if not _is_base64(part[name]):
                raise _refused(
                    _("“%(name)s” is not what it should be: PEM in base64.") % {"name": name}
                )


def _is_base64(text: str) -> bool:
    try:
        return b"-----BEGIN " in base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
