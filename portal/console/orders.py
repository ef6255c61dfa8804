"""The order form: what was chosen, what it costs, what is left of the quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from billing import ordering
from billing import queries as prices
from portal.console.forms import Field, parameter_fields, raw_parameters
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, PortalError
from portal.kernel.ids import readable_suffix
from portal.tenancy.models import Project
from services.instances import eta
from services.regions import queries as regions
from services.regions.models import Region
from services.spec import Entry, Plan, promised_availability


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as a row of options."""

    plan: Plan
    monthly: Any
    hourly: Any
    sla: str
    ok: bool
    reason: str
