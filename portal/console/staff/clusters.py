"""Regions on Kubernetes clusters, as staff adds, sets and looks at them.

What is secret (the kubeconfig, the keys of the backup store, the token of the metrics API) goes in
and never comes out again: not even into the form that a fault sends back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.pricebook.meters import METERS
from portal.kernel.actor import Actor
from services import registry
from services.instances.region_health import check_region
from services.regions import actions, clusters, kubeconfigs
from services.regions.texts import DRIFTS, SETTINGS, metrics_text
from services.spec import Kind, Secret

if TYPE_CHECKING:
    from services.regions.models import Region

Sent = Mapping[str, str]
TOKEN = "metrics_token"  # noqa: S105  # a field's name
SECRETS = ("kubeconfig", *actions.BACKUP_KEYS, TOKEN)
_GROUPS = (
    (gettext_noop("In the cluster"), ("storage_class", "zones")),
    (gettext_noop("Names and certificates"), ("domain", "issuer", "external")),
    (
        gettext_noop("Backups"),
        ("backup_endpoint", "backup_bucket", "backup_region", *actions.BACKUP_KEYS),
    ),
    (
        gettext_noop("Invocations and traffic"),
        ("metrics_url", TOKEN, "metrics_ca", "metrics_egress", "metrics_egress_labels"),
    ),
    (gettext_noop("Watching"), ("drift", "resync_minutes")),
)
_KINDS = {
    "external": "checkbox",
    "drift": "select",
    "resync_minutes": "number",
    "metrics_ca": "textarea",
    **dict.fromkeys((*actions.BACKUP_KEYS, TOKEN), "password"),
}


@dataclass(frozen=True, slots=True)
class Control:
    """One setting as the form draws it. `kind`: text, textarea, number, password, checkbox or
    select.
    """

    name: str
    kind: str
    label: str
    hint: str
    value: Any
    error: str
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def described_by(self) -> str:
        ends = ("h" if self.hint else "", "e" if self.error else "")
        return " ".join(f"{self.name}-{end}" for end in ends if end)


@dataclass(slots=True)
class Operator:
    """One API group: its kinds with whether the cluster serves them, and who needs them."""

    group: str
    kinds: dict[str, bool] = field(default_factory=dict)
    offerings: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """all, some or none of the kinds are served."""
        served = list(self.kinds.values())
        return "all" if all(served) else "some" if any(served) else "none"

    @property
    def missing(self) -> str:
        return ", ".join(kind for kind, served in self.kinds.items() if not served)


# -- forms -----------------------------------------------------------------------------------------


def add_form(sent: Sent, errors: Sent) -> dict[str, Any]:
    """Context of console/staff/region_add.html."""
    return _form(_shown(sent) if sent else clusters.filled_in({}), errors) | {
        "sent": _shown(sent),
        "crumbs": [(_("Regions"), reverse("console:staff-regions"))],
    }


def add(actor: Actor, sent: Sent) -> Region:
    """Added, and looked at. Raises: Invalid."""
    made = actions.add_region(
        actor=actor,
        code=sent.get("code", ""),
        name=sent.get("name", ""),
        country=sent.get("country", ""),
        **_access(sent),
        settings=_settings(sent),
        backup_keys=_keys(sent),
        metrics_token=Secret(sent.get(TOKEN, "")),
    )
    return check_region(made)


def settings_form(found: Region, sent: Sent, errors: Sent) -> dict[str, Any]:
    """Context of console/staff/region_settings.html, whose two forms go to two addresses."""
    of_settings = "drift" in sent
    shown = _shown(sent) if of_settings else clusters.filled_in(found.settings)
    return _form(shown, errors) | {
        "sent": _shown(sent),
        "region": found,
        "of_settings": of_settings,
        "server": kubeconfigs.server_of(clusters.kubeconfig_of(found)),
        "context": clusters.context_of(found),
        "has_keys": bool(clusters.backup_keys_of(found)),
        "crumbs": [
            (_("Regions"), reverse("console:staff-regions")),
            (found.name, reverse("console:staff-region", args=[found.code])),
        ],
    }


def change(actor: Actor, found: Region, sent: Sent) -> Region:
    """Changed, and looked at. Raises: Invalid, Conflict."""
    row = actions.change_region_settings(
        actor=actor,
        region=found,
        settings=_settings(sent),
        backup_keys=_keys(sent),
        metrics_token=Secret(sent.get(TOKEN, "")),
    )
    return check_region(row)


def replace(actor: Actor, found: Region, sent: Sent) -> Region:
    """The kubeconfig, replaced and tried. Raises: Invalid, Conflict."""
    return check_region(actions.replace_kubeconfig(actor=actor, region=found, **_access(sent)))


def _form(values: Mapping[str, Any], errors: Sent) -> dict[str, Any]:
    return {
        "errors": errors,
        "groups": [
            (_(title), [_control(name, values, errors) for name in names])
            for title, names in _GROUPS
        ],
    }


def _control(name: str, values: Mapping[str, Any], errors: Sent) -> Control:
    label, hint = SETTINGS[name]
    kind = _KINDS.get(name, "text")
    return Control(
        name=name,
        kind=kind,
        label=_(label),
        hint=_(hint) if hint else "",
        value="" if kind == "password" else values.get(name, ""),
        error=errors.get(name, ""),
        choices=tuple((code, _(word)) for code, word in DRIFTS.items()) if name == "drift" else (),
    )


def _shown(sent: Sent) -> dict[str, str]:
    return {name: value for name, value in sent.items() if name not in SECRETS}


def _settings(sent: Sent) -> dict[str, str]:
    return {name: sent.get(name, "") for name in clusters.FIELDS}


def _keys(sent: Sent) -> dict[str, Secret]:
    return {name: Secret(sent.get(name, "")) for name in actions.BACKUP_KEYS}


def _access(sent: Sent) -> dict[str, Any]:
    inside = sent.get("in_cluster") == "1"
    text = None if inside else Secret(sent.get("kubeconfig", ""))
    return {"kubeconfig": text, "context": "" if inside else sent.get("context", "")}


# -- what there is ---------------------------------------------------------------------------------


def cluster(found: Region) -> dict[str, Any]:
    """What the page of a region says of its cluster."""
    around = clusters.settings_of(found)
    return {
        "server": kubeconfigs.server_of(clusters.kubeconfig_of(found)),
        "version": found.facts.get("version", ""),
        "storage_class": found.facts.get("storage_class", ""),
        "settings": around,
        "drift": _(DRIFTS[clusters.drift_policy(found)]),
        "metrics": _metrics(found),
        "operators": list(_operators(found)) if "served" in found.facts else [],
    }


def _metrics(found: Region) -> dict[str, Any]:
    """Of the metrics API: where it is, how the last check found it, and how many series it has of
    each counter. Empty where none is named.
    """
    stored = found.settings.get("metrics")
    if not stored:
        return {}
    how = found.facts.get("metrics_api", "")
    said = (pair.partition("=") for pair in found.facts.get("counters", "").split())
    return {
        "url": stored["url"],
        "ok": how == "answers",
        "how": metrics_text(how) if how else "",
        "said": found.facts.get("metrics_said", ""),
        "series": [(_(METERS[code].label), int(count)) for code, _sign, count in said],
    }


def _operators(found: Region) -> Iterator[Operator]:
    """All groups that the catalogue could use, by name."""
    served = set(found.facts["served"].split())
    groups: dict[str, Operator] = {}
    for entry in registry.catalogue():
        for kind in entry.kubernetes.KINDS if entry.kubernetes else ():
            row = groups.setdefault(_group(kind), Operator(_group(kind)))
            row.kinds[kind.name] = f"{kind.api}/{kind.name}" in served
            if entry.offering.name not in row.offerings:
                row.offerings.append(entry.offering.name)
    yield from (groups[name] for name in sorted(groups))


def _group(kind: Kind) -> str:
    return kind.api.rpartition("/")[0]
