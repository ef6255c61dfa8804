"""Whether an order or change may be made: every fault at once, field by field. Reads only.

The form, the API and dry runs all come through here, so a rule holds everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from django.utils.translation import gettext as _

from portal.kernel.errors import Invalid
from portal.tenancy.models import Project
from services import parameters
from services.instances import spare
from services.instances.models import Instance
from services.instances.opening import capabilities
from services.instances.specs import spec_of
from services.regions import choices, clusters
from services.regions.models import Region
from services.regions.queries import orderable
from services.spec import Capability, Entry, Plan, Version, VersionStatus

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
_TAG_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
MOST_TAGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A service as somebody asks for it. What is left out takes the offering's default. `spot`: on
    spare capacity.
    """

    project: Project
    entry: Entry
    region: Region
    name: str
    plan: str | None = None
    version: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """An order that may be placed, or a change that may be made."""

    plan: Plan
    version: str
    parameters: dict[str, Any]


def admit_order(wanted: Wanted) -> Admitted:
    """Raises: Invalid, with every fault."""
    entry, region = wanted.entry, wanted.region
    faults: dict[str, str] = {}
    faults |= name_faults(wanted.project, wanted.name)
    faults |= tag_faults(wanted.tags)
    chosen = _plan(entry, wanted.plan or default_plan(entry, region), faults)
    version = _version(entry, region, wanted.version, faults)
    values = _parameters(entry, region, wanted.parameters, None, faults)
    where = orderable(entry, region, chosen)
    if not where.ok:
        field = "plan" if where.code in ("one-node-only", "plan-retired") else "region"
        faults.setdefault(field, f"{where.reason} {where.hint}".strip())
    if wanted.spot and chosen and (fault := spare.plan_fault(entry, region, chosen)):
        faults["spot"] = fault
    if faults or chosen is None:
        raise Invalid(faults)
    return Admitted(chosen, version, values)


def admit_change(
    instance: Instance,
    entry: Entry,
    *,
    plan: str | None = None,
    version: str | None = None,
    raw_parameters: Mapping[str, Any] | None = None,
) -> Admitted:
    """Raises: Invalid, with every fault."""
    faults: dict[str, str] = {}
    chosen = _plan(entry, plan or instance.plan, faults)
    if chosen and (fault := plan_fault(instance, entry, chosen)):
        faults["plan"] = fault
    upgrading = version is not None and version != instance.version
    if upgrading:
        faults |= _upgrade_faults(instance, entry, version or "", plan)
    values = _parameters(entry, instance.region, raw_parameters or {}, instance.parameters, faults)
    if faults or chosen is None:
        raise Invalid(faults)
    return Admitted(chosen, version or instance.version, values)


def plan_fault(instance: Instance, entry: Entry, wanted: Plan) -> str:
    """Why the service cannot change to `wanted`; empty where it can, and for its own. No query."""
    if wanted.id == instance.plan:
        return ""
    if instance.spot and (fault := spare.plan_fault(entry, instance.region, wanted)):
        return fault
    where = orderable(entry, instance.region, wanted)
    if not where.ok:
        return f"{where.reason} {where.hint}".strip()
    if not _same_nodes(entry, wanted, instance.plan):
        return _(
            "The number of nodes is fixed when this service is created. Order another with this "
            "plan and move the data."
        )
    if 0 < wanted.storage_gib * 1024 < (instance.storage_used_mib or 0):
        return _("The data takes %(used)s MB, more than this plan holds.") % {
            "used": instance.storage_used_mib
        }
    if _shrinks_a_volume(instance, entry, wanted):
        return _(
            "Disks only grow in %(region)s, and this plan has smaller ones. Order another with "
            "this plan and move the data."
        ) % {"region": instance.region.name}
    return ""


def _shrinks_a_volume(instance: Instance, entry: Entry, wanted: Plan) -> bool:
    """Volumes of a cluster cannot be made smaller. What has none, as a bucket, may be."""
    renderer = entry.kubernetes
    if renderer is None or instance.region.backend != Region.Backend.KUBERNETES:
        return False
    around = clusters.settings_of(instance.region)
    before, after = (
        {
            pods.role: pods.storage_gib
            for pods in renderer.pods(spec_of(instance, with_secrets=False, changed=change), around)
        }
        for change in ({}, {"plan": wanted.id})
    )
    return any(size < before.get(role, 0) for role, size in after.items())


def newer_versions(instance: Instance, entry: Entry) -> list[Version]:
    """What it can be upgraded to where it runs, the nearest first."""
    if Capability.UPGRADE not in capabilities(instance):
        return []
    return versions_after(instance, entry)


def versions_after(instance: Instance, entry: Entry) -> list[Version]:
    """Newer ones that run where it runs. What is about to end is no goal, unless none may be left
    out on the way.
    """
    each, fine = entry.offering.one_version_at_a_time, VersionStatus.SUPPORTED
    newer = [
        version
        for version in entry.versions(instance.region.backend)
        if _order(version.id) > _order(instance.version)
        and (version.status == fine or (each and version.status == VersionStatus.DEPRECATED))
    ]
    newer.sort(key=lambda version: _order(version.id))
    return newer[:1] if each else newer


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _upgrade_faults(
    instance: Instance, entry: Entry, version: str, plan: str | None
) -> dict[str, str]:
    if plan and plan != instance.plan:
        return {"version": _("Change the plan or the version: one after the other.")}
    newer = [v.id for v in newer_versions(instance, entry)]
    if version in newer:
        return {}
    if _order(version) < _order(instance.version):
        text = _(
            "Version %(version)s runs, and nothing leads back to an older one. Order another "
            "service and move the data."
        )
        return {"version": text % {"version": instance.version}}
    if not newer:
        return {"version": _("There is no newer version that this service can be upgraded to.")}
    text = _("This service can be upgraded to %(versions)s.")
    return {"version": text % {"versions": ", ".join(newer)}}


def _same_nodes(entry: Entry, chosen: Plan, before: str) -> bool:
    """Or another number may do."""
    fixed = entry.offering.fixed_nodes
    return not fixed or chosen.nodes == entry.offering.plan(before).nodes


def name_faults(project: Project, name: str, *, besides: Instance | None = None) -> dict[str, str]:
    """One query."""
    if not name:
        return {"name": _("Give the service a name.")}
    if not _NAME.fullmatch(name):
        return {
            "name": _(
                "Use 1 to 40 lower-case letters, digits and dashes; begin with a letter and do not "
                "end with a dash."
            )
        }
    taken = Instance.objects.filter(project=project, name=name, deleted_at__isnull=True)
    if besides is not None:
        taken = taken.exclude(pk=besides.pk)
    if taken.exists():
        text = _("“%(name)s” is already in use in this project. Try “%(other)s”.")
        return {"name": text % {"name": name, "other": free_name(project, name)}}
    return {}


def free_name(project: Project, name: str) -> str:
    """`name` with the first number behind it that makes it free. One query."""
    stem = name[:36].rstrip("-")
    rows = Instance.objects.filter(project=project, deleted_at__isnull=True)
    taken = set(rows.filter(name__startswith=stem).values_list("name", flat=True))
    return next(n for i in count(2) if (n := f"{stem}-{i}") not in taken)


def tag_faults(tags: Mapping[str, Any]) -> dict[str, str]:
    if len(tags) > MOST_TAGS:
        return {"tags": _("A service holds at most %(most)s tags.") % {"most": MOST_TAGS}}
    for key, value in tags.items():
        if not _TAG_KEY.fullmatch(key):
            return {
                "tags": _("“%(key)s” is no tag name: use lower-case letters, digits, _ . -")
                % {"key": key}
            }
        if not isinstance(value, str) or len(value) > 80 or not (value or " ").isprintable():
            return {
                "tags": _("The value of “%(key)s” must be one line of at most 80 characters.")
                % {"key": key}
            }
    return {}


def default_plan(entry: Entry, region: Region) -> str:
    """The first plan that can be ordered in `region`, else the first."""
    for plan in entry.offering.plans:
        if orderable(entry, region, plan).ok:
            return plan.id
    return entry.offering.plans[0].id


def version_in(entry: Entry, region: Region, asked: str | None) -> str:
    """The one asked for where it runs there, else the first that does."""
    runs = [v.id for v in entry.versions(region.backend)]
    return asked if asked in runs else runs[0]


def _plan(entry: Entry, plan_id: str, faults: dict[str, str]) -> Plan | None:
    try:
        return entry.offering.plan(plan_id)
    except KeyError:
        known = ", ".join(p.id for p in entry.offering.plans if not p.retired)
        faults["plan"] = _("There is no such plan. Choose one of %(plans)s.") % {"plans": known}
        return None


def _version(entry: Entry, region: Region, version: str | None, faults: dict[str, str]) -> str:
    """Without one, the first that runs in `region`."""
    runs = [v.id for v in entry.versions(region.backend)]
    wanted = version or runs[0]
    if wanted not in runs:
        known = {"version": wanted, "versions": ", ".join(runs)}
        there = wanted in {v.id for v in entry.offering.versions}
        text = (
            _("Version %(version)s does not run in this region. Choose one of %(versions)s.")
            if there
            else _("There is no such version. Choose one of %(versions)s.")
        )
        faults["version"] = text % known
    return wanted


def _parameters(
    entry: Entry,
    region: Region,
    raw: Mapping[str, Any],
    current: Mapping[str, Any] | None,
    faults: dict[str, str],
) -> dict[str, Any]:
    try:
        idle = choices.idle(entry.offering, region)
        return parameters.clean(entry.offering, raw, current=current, idle=idle)
    except Invalid as error:
        faults.update(error.fields)
        return {}
