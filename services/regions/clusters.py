"""What a Kubernetes region is set to: its cluster, its settings, its policies.

`Region.settings` is plain JSON and shown to staff; `Region.secrets` is encrypted JSON with the
kubeconfig, the keys of the backup store and the token of the metrics API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from django.utils.translation import gettext as _

from portal.kernel import crypto
from portal.kernel.errors import Invalid
from services.regions import metrics
from services.regions.addresses import is_address
from services.spec import BackupStore, RegionSettings

if TYPE_CHECKING:
    from services.regions.models import Region

Drift = Literal["show", "correct"]
DRIFTS: tuple[Drift, ...] = ("show", "correct")
# As people fill them in, on the page and on the command line.
FIELDS = (
    "storage_class",
    "issuer",
    "domain",
    "zones",
    "backup_endpoint",
    "backup_bucket",
    "backup_region",
    "external",
    "drift",
    "resync_minutes",
    *metrics.FIELDS,
)
_DEFAULTS = {"drift": "show", "resync_minutes": 30}
_ANY_REGION = "us-east-1"  # what clients of S3 say where a store has no regions
_FEWEST_MINUTES, _MOST_MINUTES, _MOST_ZONES = 5, 24 * 60, 12
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_OBJECT_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_DOMAIN = re.compile(rf"(?=.{{1,200}}$){_LABEL}(?:\.{_LABEL})+")
_ZONE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_STORE_REGION = re.compile(r"[A-Za-z0-9-]{1,40}")
_YES = {True: True, "on": True, "true": True, "yes": True, "1": True}
_NO = {False: False, "": False, "off": False, "false": False, "no": False, "0": False}

# -- reads ----------------------------------------------------------------------------------------


def kubeconfig_of(region: Region) -> Mapping[str, Any]:
    """Empty where the portal itself runs in the cluster and uses what that gives its pods."""
    return dict(_secrets(region).get("kubeconfig", {}))


def context_of(region: Region) -> str | None:
    """The one that the kubeconfig was given for; None without a kubeconfig."""
    return kubeconfig_of(region).get("current-context")


def backup_keys_of(region: Region) -> Mapping[str, str]:
    """What the Secret `polder-backup-store` holds (see `BackupStore`); empty without keys."""
    keys = dict(_secrets(region).get("backup_keys", {}))
    store = settings_of(region).backup_store
    return keys | {"AWS_REGION": store.region or _ANY_REGION} if keys and store else {}


def settings_of(region: Region) -> RegionSettings:
    """As renderers see them."""
    raw = region.settings
    store = raw.get("backup_store")
    return RegionSettings(
        storage_class=raw.get("storage_class", ""),
        issuer=raw.get("issuer", ""),
        domain=raw.get("domain", ""),
        zones=tuple(raw.get("zones", ())),
        backup_store=BackupStore(**store) if store else None,
        external=raw.get("external", False),
    )


def metrics_of(region: Region) -> metrics.MetricsApi | None:
    """Where counters of its cluster are asked for; None where staff named nothing."""
    stored = region.settings.get("metrics")
    return metrics.read(stored, _secrets(region).get("metrics_token", "")) if stored else None


def drift_policy(region: Region) -> Drift:
    """Whether what others changed in the cluster is shown, or set right."""
    return "correct" if region.settings.get("drift") == "correct" else "show"


def resync_minutes(region: Region) -> int:
    """How often everything is compared, for what a watch missed."""
    return int(region.settings.get("resync_minutes", _DEFAULTS["resync_minutes"]))


def filled_in(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`Region.settings` by the names of `FIELDS`, as a form shows them."""
    stored = {**_DEFAULTS, **settings}
    store = stored.get("backup_store") or {}
    backup = {f"backup_{name}": store.get(name, "") for name in ("endpoint", "bucket", "region")}
    counted = metrics.filled_in(stored.get("metrics"))
    plain = {name: stored.get(name, "") for name in FIELDS}
    return {**plain, **backup, **counted, "zones": ", ".join(stored.get("zones", ()))}


def _secrets(region: Region) -> dict[str, Any]:
    return dict(json.loads(crypto.decrypt(region.secrets))) if region.secrets else {}


def sealed(region: Region, **changes: Any) -> str:
    """`Region.secrets` with `changes` in it (kubeconfig, backup_keys, metrics_token)."""
    return crypto.encrypt(json.dumps(_secrets(region) | changes))


# -- validation -----------------------------------------------------------------------------------


def clean_settings(raw: Mapping[str, Any]) -> dict[str, Any]:
    """`Region.settings` from what was filled in, by the names of `FIELDS`; what is left out is not
    set. Raises: Invalid, one message per field.
    """
    faults = {name: _("There is no such setting.") for name in raw if name not in FIELDS}
    given = {
        name: value.strip() if isinstance(value, str) else value for name, value in raw.items()
    }
    settings = {
        "storage_class": _matching(given, "storage_class", _OBJECT_NAME, faults),
        "issuer": _matching(given, "issuer", _OBJECT_NAME, faults),
        "domain": _domain(given, faults),
        "zones": _zones(given, faults),
        "backup_store": _store(given, faults),
        "external": _external(given, faults),
        "drift": given.get("drift") or _DEFAULTS["drift"],
        "resync_minutes": _minutes(given, faults),
        "metrics": metrics.clean(given, faults),
    }
    if settings["drift"] not in DRIFTS:
        faults["drift"] = _("Choose one of %(choices)s.") % {"choices": ", ".join(DRIFTS)}
    if faults:
        raise Invalid(faults)
    return settings


def _matching(
    given: Mapping[str, Any], name: str, pattern: re.Pattern[str], faults: dict[str, str]
) -> str:
    value = str(given.get(name) or "")
    if value and not pattern.fullmatch(value):
        faults[name] = _("Write its name as the cluster has it: lower-case letters, digits, - .")
    return value


def _domain(given: Mapping[str, Any], faults: dict[str, str]) -> str:
    value = str(given.get("domain") or "").lower().strip(".")
    if value and not _DOMAIN.fullmatch(value):
        faults["domain"] = _("Write a domain, such as eu1.example.com.")
    return value


def _zones(given: Mapping[str, Any], faults: dict[str, str]) -> list[str]:
    value = given.get("zones") or ()
    named = re.split(r"[\s,]+", value) if isinstance(value, str) else map(str, value)
    zones = [zone for zone in named if zone]
    if len(zones) > _MOST_ZONES or len(set(zones)) < len(zones):
        faults["zones"] = _("Name each zone once, and at most %(most)s.") % {"most": _MOST_ZONES}
    elif not all(map(_ZONE.fullmatch, zones)):
        faults["zones"] = _("Write the zones as the nodes' labels have them, with commas between.")
    return zones


def _store(given: Mapping[str, Any], faults: dict[str, str]) -> dict[str, str] | None:
    endpoint, bucket, region = (
        str(given.get(f"backup_{name}") or "") for name in ("endpoint", "bucket", "region")
    )
    if not (endpoint or bucket or region):
        return None
    if not is_address(endpoint):
        faults["backup_endpoint"] = _("Write the address of the store, https:// included.")
    if not _BUCKET.fullmatch(bucket):
        faults["backup_bucket"] = _(
            "Write the name of the bucket: 3 to 63 lower-case letters, digits, - ."
        )
    if region and not _STORE_REGION.fullmatch(region):
        faults["backup_region"] = _("Write the store's own name for the region, such as eu-west-1.")
    return {"endpoint": endpoint.rstrip("/"), "bucket": bucket, "region": region}


def _external(given: Mapping[str, Any], faults: dict[str, str]) -> bool:
    value = given.get("external", False)
    known = {**_YES, **_NO}
    if isinstance(value, bool | str) and value in known:
        return known[value]
    faults["external"] = _("Say yes or no.")
    return False


def _minutes(given: Mapping[str, Any], faults: dict[str, str]) -> int:
    value = str(given.get("resync_minutes") or _DEFAULTS["resync_minutes"])
    if value.isdecimal() and _FEWEST_MINUTES <= int(value) <= _MOST_MINUTES:
        return int(value)
    faults["resync_minutes"] = _("Write a number of minutes from %(least)s to %(most)s.") % {
        "least": _FEWEST_MINUTES,
        "most": _MOST_MINUTES,
    }
    return _FEWEST_MINUTES
