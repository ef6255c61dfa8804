"""From rows to the InstanceSpec that renderers read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.kernel import crypto
from services import registry
from services.instances.models import Credential, Instance
from services.spec import Entry, InstanceSpec, Secret


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
    next_secrets: bool = False,
    with_secrets: bool = True,
    changed: Mapping[str, Any] | None = None,
) -> InstanceSpec:
    """The desired state of `instance`, or that state with `changed` (version, plan, parameters).

    With `next_secrets`, a secret that is being rotated is the new one. One query when secrets are
    wanted.
    """
    offering = entry_of(instance).offering
    wanted = {**desired(instance), **(changed or {})}
    rows = instance.secrets.all() if with_secrets else Credential.objects.none()
    values = {
        row.name: Secret(crypto.decrypt((row.next_value if next_secrets else "") or row.value))
        for row in rows
    }
    if not with_secrets:
        values = dict.fromkeys(offering.secrets, Secret(""))
    return InstanceSpec(
        name=instance.public_id,
        namespace=f"polder-{instance.project.public_id}",
        version=wanted["version"],
        plan=offering.plan(wanted["plan"]),
        parameters=wanted["parameters"],
        secrets=values,
        generation=instance.generation,
    )


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
