"""Writes to regions by staff: new ones, what they are set to, whether they take orders.

Whatever changes how a Kubernetes region is reached or set makes its last check worthless: until the
next one nothing can be ordered there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.audit.actions import PROVIDER, record
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.tenancy.oversight import require_staff
from services.regions import clusters, kubeconfigs
from services.regions.addresses import server_of
from services.regions.models import Region
from services.spec import Secret

_CODE = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_COUNTRY = re.compile(r"[A-Z]{2}")
# As people give them, and as clients of S3 know them.
BACKUP_KEYS = {
    "backup_access_key": "AWS_ACCESS_KEY_ID",
    "backup_secret_key": "AWS_SECRET_ACCESS_KEY",
}


NO_TOKEN = Secret("")


@transaction.atomic
def add_region(
    *,
    actor: Actor,
    code: str,
    name: str,
    country: str,
    kubeconfig: Secret | None,
    context: str = "",
    folder: Path | None = None,
    settings: Mapping[str, Any] = {},
    backup_keys: Mapping[str, Secret] = {},
    metrics_token: Secret = NO_TOKEN,
) -> Region:
    """A Kubernetes region. Without a kubeconfig it is the cluster that Polder runs in; `folder` is
    where files that it refers to may be read; `settings` by `clusters.FIELDS`, `backup_keys` by
    `BACKUP_KEYS`, `metrics_token` for the metrics API. Raises: NotPermitted, Invalid with every
    fault.
    """
    require_staff(actor)
    region = Region(
        code=code.strip(),
        name=name.strip(),
        country=country.strip().upper(),
        backend=Region.Backend.KUBERNETES,
    )
    faults = _identity_faults(region)
    for fill_in in (
        lambda: _reached_by(region, kubeconfig, context, folder),
        lambda: _set(region, settings, backup_keys, metrics_token),
    ):
        try:
            fill_in()
        except Invalid as error:
            faults |= error.fields
    if faults:
        raise Invalid(faults)
    region.save(force_insert=True)
    after = {"name": region.name, "country": region.country, **_reach(region), **region.settings}
    record(actor, "region.create", "region", region.code, chain=PROVIDER, after=after)
    return region


@transaction.atomic
def change_region_settings(
    *,
    actor: Actor,
    region: Region,
    settings: Mapping[str, Any],
    backup_keys: Mapping[str, Secret] = {},
    metrics_token: Secret = NO_TOKEN,
) -> Region:
    """All settings anew, by `clusters.FIELDS`; keys of the backup store stay as they are unless
    both are given, and the token of the metrics API unless that is another server. Raises:
    NotPermitted, Invalid, Conflict for another backend.
    """
    row = _ours(actor, region)
    before = row.settings
    replaced = _set(row, settings, backup_keys, metrics_token)
    row.checked_at = None
    row.save(update_fields=["settings", "secrets", "checked_at"])
    after = {name: value for name, value in row.settings.items() if before.get(name) != value}
    record(
        actor,
        "region.change",
        "region",
        row.code,
        chain=PROVIDER,
        before={name: before.get(name) for name in after},
        after=after | ({"replaced": replaced} if replaced else {}),
    )
    return row


@transaction.atomic
def replace_kubeconfig(
    *,
    actor: Actor,
    region: Region,
    kubeconfig: Secret | None,
    context: str = "",
    folder: Path | None = None,
) -> Region:
    """How Polder gets to the cluster, anew: another token, or another address of the same cluster.
    Raises: NotPermitted, Invalid, Conflict for another backend.
    """
    row = _ours(actor, region)
    before = _reach(row)
    _reached_by(row, kubeconfig, context, folder)
    row.checked_at = None
    row.save(update_fields=["secrets", "checked_at"])
    after = _reach(row) | {"replaced": ["kubeconfig"]}
    record(actor, "region.change", "region", row.code, chain=PROVIDER, before=before, after=after)
    return row


def _identity_faults(region: Region) -> dict[str, str]:
    faults = {}
    if not _CODE.fullmatch(region.code):
        faults["code"] = _(
            "Use 1 to 32 lower-case letters, digits and dashes; begin with a letter and do not end "
            "with a dash."
        )
    elif Region.objects.filter(code=region.code).exists():
        faults["code"] = _("There is a region “%(code)s” already.") % {"code": region.code}
    if not 0 < len(region.name) <= 80:
        faults["name"] = _("Give it a name of at most 80 characters.")
    if not _COUNTRY.fullmatch(region.country):
        faults["country"] = _("Write the two letters of the country, such as NL.")
    return faults


def _reached_by(
    region: Region, kubeconfig: Secret | None, context: str, folder: Path | None
) -> None:
    """The kubeconfig on the row, not saved. Raises: Invalid."""
    kept = {} if kubeconfig is None else kubeconfigs.clean(kubeconfig, context.strip(), folder)
    region.secrets = clusters.sealed(region, kubeconfig=kept)


def _reach(region: Region) -> dict[str, str]:
    """Where its API server is, for the audit trail: no secret."""
    server = kubeconfigs.server_of(clusters.kubeconfig_of(region))
    return {"server": server or "in-cluster", "context": clusters.context_of(region) or ""}


def _ours(actor: Actor, region: Region) -> Region:
    require_staff(actor)
    row = Region.objects.select_for_update().get(pk=region.pk)
    if row.backend != Region.Backend.KUBERNETES:
        raise Conflict(
            _("%(region)s runs on no Kubernetes cluster.") % {"region": row.name},
            hint=_("Regions of one machine have no settings."),
        )
    return row


def _set(
    region: Region, settings: Mapping[str, Any], keys: Mapping[str, Secret], token: Secret
) -> list[str]:
    """Settings and secrets on the row, not saved; which secrets are new. Raises: Invalid."""
    before = region.settings.get("metrics")
    region.settings = clusters.clean_settings(settings)
    replaced = ["backup_keys"] if _set_keys(region, keys) else []
    if _set_token(region, before, token):
        replaced.append("metrics_token")
    return replaced


def _set_keys(region: Region, keys: Mapping[str, Secret]) -> bool:
    given = {name: keys.get(name, "").strip() for name in BACKUP_KEYS}
    new = any(given.values())
    if new and not all(given.values()):
        missing = next(name for name, value in given.items() if not value)
        raise Invalid({missing: _("Give both keys, or none to keep what is stored.")})
    if not region.settings["backup_store"]:
        if new:
            raise Invalid({"backup_endpoint": _("Name the store that the keys are for.")})
        region.secrets = clusters.sealed(region, backup_keys={})  # what is off needs none
    elif new:
        named = {BACKUP_KEYS[name]: value for name, value in given.items()}
        region.secrets = clusters.sealed(region, backup_keys=named)
    elif not clusters.backup_keys_of(region):
        raise Invalid({"backup_access_key": _("The backup store needs its two keys.")})
    return new


def _set_token(region: Region, before: Mapping[str, Any] | None, token: Secret) -> bool:
    """A token is sent to the server that it was given for, and over TLS alone."""
    now, new = region.settings["metrics"], token.strip()
    if now is None:
        if new:
            raise Invalid({"metrics_url": _("Name the metrics API that the token is for.")})
        region.secrets = clusters.sealed(region, metrics_token="")
        return False
    if before and server_of(before["url"]) != server_of(now["url"]):
        region.secrets = clusters.sealed(region, metrics_token="")
    if new:
        region.secrets = clusters.sealed(region, metrics_token=new)
    api = clusters.metrics_of(region)
    if api is not None and api.token and not api.url.startswith("https:"):
        raise Invalid({"metrics_url": _("A token is sent over https:// alone.")})
    if new and not re.fullmatch(r"[!-~]+", new):
        raise Invalid({"metrics_token": _("A token is one line of visible ASCII characters.")})
    return bool(new)


@transaction.atomic
def close_region(*, actor: Actor, region: Region, reason: str) -> Region:
    """No new orders; what is there stays and can be changed. Raises: NotPermitted, Invalid,
    Conflict unless it is open.
    """
    return _put(actor, region, Region.Status.OPEN, Region.Status.CLOSED, "region.close", reason)


@transaction.atomic
def open_region(*, actor: Actor, region: Region, reason: str) -> Region:
    """Orders are welcome again. Raises: NotPermitted, Invalid, Conflict unless it is closed."""
    return _put(actor, region, Region.Status.CLOSED, Region.Status.OPEN, "region.open", reason)


def _put(actor: Actor, region: Region, before: str, after: str, verb: str, reason: str) -> Region:
    require_staff(actor)
    if not reason.strip():
        raise Invalid({"reason": _("Say why.")})
    row = Region.objects.select_for_update().get(pk=region.pk)
    if row.status != before:
        raise Conflict(
            _("%(region)s is not in the state that this needs.") % {"region": row.name},
            hint=_("Load the page again to see how it is."),
        )
    row.status = after
    row.save(update_fields=["status"])
    record(
        actor,
        verb,
        "region",
        row.code,
        chain=PROVIDER,
        before={"status": str(before)},
        after={"status": str(after)},
        reason=reason,
    )
    return row
