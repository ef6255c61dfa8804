"""What an order or a change would mean where it runs. Reads the backend, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.kernel.errors import BackendError
from services import parameters, registry
from services.backends import backend_for
from services.instances.models import Instance
from services.instances.specs import entry_of, spec_of
from services.instances.states import Kind
from services.regions.models import Region
from services.spec import Effect, Entry, InstanceSpec, Plan


def effect_of(
    instance: Instance, *, plan: Plan, version: str, parameters: Mapping[str, Any]
) -> Effect:
    """What a change would mean for who is connected. Reads the backend, writes nothing."""
    before = spec_of(instance)
    after = spec_of(
        instance, changed={"plan": plan.id, "version": version, "parameters": dict(parameters)}
    )
    try:
        return backend_for(instance.region).effect(entry_of(instance), before, after)
    except BackendError:
        return "restart"


@dataclass(frozen=True, slots=True)
class Download:
    """The server program of a version; `mib` is what must be fetched first, 0 once it is there."""

    title: str
    mib: int


def download_for(entry: Entry, region: Region, *, plan: Plan, version: str) -> Download | None:
    """What a region of servers of one machine would fetch for an order. None elsewhere."""
    if region.backend != Region.Backend.PROCESS or entry.process is None:
        return None
    try:
        engine = registry.engine(entry.process.engine(version))
    except KeyError:
        return None
    spec = InstanceSpec("", "", version, plan, parameters.clean(entry.offering, {}))
    missing = "engine" in backend_for(region).steps(entry, spec, Kind.CREATE)
    return Download(engine.title, engine.download_mib if missing else 0)
