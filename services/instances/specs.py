"""From rows to the InstanceSpec that renderers read, and what it takes of the quota."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from portal.kernel import crypto
from portal.tenancy.models import Project
from services import registry
from services.backends import keeps_secrets
from services.instances.models import Credential, Instance
from services.regions import quota
from services.regions.models import Region
from services.spec import Entry, InstanceSpec, Plan, Secret


def entry_of(instance: Instance) -> Entry:
    """The catalogue's entry. Raises: KeyError when the offering is gone from the catalogue."""
    return registry.get(instance.offering)


def engines_in_use() -> set[str]:
    """Names of the engines that instances run on, those in the bin included."""
    rows = Instance.objects.filter(deleted_at__isnull=True)
    names: set[str] = set()
    for offering, version in rows.values_list("offering", "version").distinct().order_by():
        renderer = registry.get(offering).process
        if renderer is not None:
            names |= {renderer.engine(version), *renderer.ALSO}
    return names


def spec_of(
    instance: Instance,
    *,
    rotation: str = "",
    repair: str = "",
    with_secrets: bool = True,
    changed: Mapping[str, Any] | None = None,
    paused: bool | None = None,
) -> InstanceSpec:
    """The desired state of `instance`, or that state with `changed` (version, plan, parameters)
    and `paused`.

    `rotation` names a change of passwords that is under way: what is kept here is then the new one.
    `repair` names a repair that is under way.
    Without secrets each is an empty text; where the backend keeps them there are none. One query
    when secrets are wanted.
    """
    offering = entry_of(instance).offering
    wanted = {**desired(instance), **(changed or {})}
    kept = with_secrets and keeps_secrets(instance.region)
    rows = instance.secrets.all() if kept else Credential.objects.none()
    values = {
        row.name: Secret(crypto.decrypt((row.next_value if rotation else "") or row.value))
        for row in rows
    }
    if not with_secrets:
        values = dict.fromkeys(offering.secrets, Secret(""))
    at_rest = instance.paused or instance.delete_at is not None
    return InstanceSpec(
        name=instance.public_id,
        namespace=namespace_of(instance.project),
        version=wanted["version"],
        plan=offering.plan(wanted["plan"]),
        parameters=wanted["parameters"],
        secrets=values,
        generation=instance.generation,
        paused=at_rest if paused is None else paused,
        rotation=rotation,
        repair=repair,
        labels={
            "polder.eu/instance": instance.public_id,
            "polder.eu/offering": instance.offering,
            "polder.eu/project": instance.project.public_id,
            "polder.eu/organisation": instance.project.organisation.slug,
        },
    )


def namespace_of(project: Project) -> str:
    return f"polder-{project.public_id}"


def needs_of_order(
    entry: Entry,
    project: Project,
    region: Region,
    plan: Plan,
    version: str,
    parameters: Mapping[str, Any],
) -> dict[str, Decimal]:
    """What an instance would take that is not there yet."""
    spec = InstanceSpec("new", namespace_of(project), version, plan, parameters)
    return quota.needs(entry, region, spec)


def needs_of(instance: Instance, changed: Mapping[str, Any] | None = None) -> dict[str, Decimal]:
    """What it takes as it is desired, or with `changed`."""
    spec = spec_of(instance, with_secrets=False, changed=changed)
    return quota.needs(entry_of(instance), instance.region, spec)


def desired(instance: Instance) -> dict[str, Any]:
    """What a change may change and a failure restores."""
    return {
        "version": instance.version,
        "plan": instance.plan,
        "parameters": dict(instance.parameters),
    }


def make_secrets(instance: Instance, names: tuple[str, ...]) -> None:
    """A fresh secret for each name, encrypted."""
    Credential.objects.bulk_create(
        Credential(instance=instance, name=name, value=crypto.encrypt(crypto.new_password()))
        for name in names
    )
