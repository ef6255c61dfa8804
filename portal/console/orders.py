"""The order form: what was chosen, what it costs, what is left of the quota."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from billing.budgets import gates
from billing.orders import approvals, ordering
from billing.pricebook import queries as prices
from billing.pricebook import texts
from portal.console import as_code, preflight, tags, upgrading, window
from portal.console.forms import parameter_fields, raw_parameters
from portal.console.page import url_or_nothing
from portal.kernel.actor import Actor
from portal.kernel.errors import ApprovalNeeded, Conflict, Invalid, NotFound, Unavailable
from portal.kernel.ids import readable_suffix
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import eta, spare
from services.instances.admission import Wanted, default_plan, plan_fault
from services.regions import queries as regions
from services.spec import Entry, Plan, Version, promised_availability

if TYPE_CHECKING:
    from billing.budgets.gates import Gate
    from billing.pricebook.pricing import Quote
    from portal.tenancy.models import Project
    from services.instances.models import Instance, Operation


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as a row to choose."""

    plan: Plan
    quote: Quote | None
    sla: Any
    off: bool
    reason: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A region as a row to choose."""

    region: Any
    off: bool
    note: str
    tone: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Run:
    """A way to run it as a row to choose: at list price (`value` empty), or on spare capacity."""

    value: str
    quote: Quote
    reason: str
    chosen: bool


def run_rows(entry: Entry, region: Any, plan: Plan, organisation: Any, *, spot: bool) -> list[Run]:
    """Both, with their prices; none where the offering does not run on spare capacity at all, or
    that has no price yet.
    """
    if not entry.offering.spot:
        return []
    where = (entry.offering, plan, region.code, organisation)
    try:
        on_spare = prices.quote_for(*where, spot=True)
    except Unavailable:
        return []
    reason = spare.plan_fault(entry, region, plan)
    if not reason and not spare.has_room(region, plan.vcpu * plan.nodes):
        reason = spare.no_room(region)
    return [
        Run("", prices.quote_for(*where), "", not spot),
        Run("1", on_spare, reason, spot),
    ]


def plan_rows(
    entry: Entry, region: Any, chosen: str, instance: Instance | None = None
) -> list[PlanRow]:
    """All plans that are still offered, each with its price and whether it can be had in `region`,
    and by `instance`.
    """
    quotes = prices.quotes_of(entry.offering, region.code)
    rows = []
    for plan in entry.offering.plans:
        if plan.retired:
            continue
        reason = regions.orderable(entry, region, plan).reason
        if instance is not None:
            reason = plan_fault(instance, entry, plan)
        sla = promised_availability(entry.offering, plan)
        is_chosen = plan.id == chosen
        rows.append(PlanRow(plan, quotes.get(plan.id), sla, bool(reason), reason, is_chosen))
    return rows


def panel(preview: ordering.Preview) -> dict[str, Any]:
    """What the price panel says of a preview."""
    quote = preview.quote
    costs = preview.before is not None or quote.hourly.amount > 0  # else no budget refuses it
    budgets = [budget_line(gate) for gate in preview.gates[:2]]  # the hardest
    tight = [line for line in preview.quota if not line.enough]
    return {
        "quote": quote,
        "month": quote.month,
        "before": preview.before,
        "lines": [(texts.line_label(line), line.monthly) for line in quote.charged_lines],
        "faults": preview.faults,
        "vat": texts.vat_label(quote.vat),
        "vat_note": texts.vat_note(quote.vat),
        "quota": sorted(preview.quota, key=_fullness, reverse=True)[:3],  # the fullest
        "tight": tight,
        "more_quota": url_or_nothing("console:quotas"),
        "effect": preview.effect,
        "budgets": budgets,
        "refusal": next((b for b in budgets if costs and b["verdict"] == "block"), None),
    }


def budget_line(gate: Gate) -> dict[str, Any]:
    """How much of a budget is expected to be used with the order, and what that means for it."""
    refuses = gate.verdict == "block"
    return {
        "name": gate.standing.budget.name,
        "percent": gate.percent,
        "verdict": gate.verdict,
        "said": gates.refusal_of(gate) if gate.verdict else "",
        "hint": gates.hint_of(gate) if gate.verdict else "",
        "tone": "bad" if refuses else "warn",
    }


def _fullness(line: regions.QuotaLine) -> Any:
    return (line.used + line.wanted) / line.limit if line.limit else 0


def place(actor: Actor, project: Project, entry: Entry, data: QueryDict) -> Operation | None:
    """None for an order that waits for approval now. Raises: what `ordering.place_order` raises."""
    region = _asked_region(data.get("region", ""))
    wanted = Wanted(
        project=project,
        entry=entry,
        region=region,
        name=data.get("name", "").strip(),
        plan=data.get("plan") or None,
        version=data.get("version") or None,
        parameters=raw_parameters(entry.offering, data, region=region),
        tags=tags.typed(data) or {},
        protected="unprotected" not in data,
        spot=bool(data.get("spot")),
    )
    try:
        return ordering.place_order(actor=actor, wanted=wanted)
    except ApprovalNeeded:
        approvals.ask_to_order(actor=actor, wanted=wanted)
        return None
    except Conflict as error:
        if error.code != "no-spare-capacity":
            raise
        raise Invalid({"spot": f"{error.text} {error.hint}"}) from error


def _asked_region(code: str) -> Any:
    """Raises: Invalid, so that the form comes back with what was typed."""
    try:
        return regions.region(code)
    except NotFound as error:
        raise Invalid({"region": _("Choose a region.")}) from error


def _version(runs: Sequence[Version], asked: str) -> str:
    """The one asked for, unless it does not run where the region has been changed to."""
    return asked if asked in {v.id for v in runs} else runs[0].id


def form(
    actor: Actor,
    project: Project,
    entry: Entry,
    data: QueryDict,
    errors: Mapping[str, str],
) -> dict[str, Any]:
    """Context of console/order.html."""
    access.require(actor, project, Permission.INSTANCE_CREATE)
    offering = entry.offering
    found = [regions.orderable(entry, place) for place in regions.regions()]
    chosen = _region(found, data.get("region", ""))
    places = [_place(f, f.region == chosen) for f in found]
    typed = raw_parameters(offering, data, region=chosen)
    fields = parameter_fields(offering, typed, errors, region=chosen)
    versions = entry.versions(chosen.backend if chosen else "")
    context = {
        "project": project,
        "offering": offering,
        "entry": entry,
        "errors": errors,
        "name": data.get("name", f"{offering.slug[:24]}-{readable_suffix()}"),
        "version": _version(versions, data.get("version", "")),
        "versions": versions,
        "places": places,
        "region": chosen,
        "plain_fields": [f for f in fields if not f.advanced],
        "advanced_fields": [f for f in fields if f.advanced],
        "advanced_open": any(f.error for f in fields if f.advanced) or "tags" in errors,
        "tag_rows": tags.typed_rows(data),
        "unprotected": "unprotected" in data,
        "spot": bool(data.get("spot")),
    }
    if chosen is None:
        return context
    plan = _plan(entry, chosen, data.get("plan", ""))
    context["tags"] = dict(row for row in context["tag_rows"] if row[0])
    return {**context, **_priced(actor, project, entry, chosen, plan, context, typed)}


def _priced(
    actor: Actor,
    project: Project,
    entry: Entry,
    region: Any,
    plan: Plan,
    context: Mapping[str, Any],
    typed: Mapping[str, Any],
) -> dict[str, Any]:
    """What depends on region and plan: prices, quota, checks, time, and the order as code."""
    offering, version = entry.offering, context["version"]
    wanted = Wanted(
        project=project,
        entry=entry,
        region=region,
        name=context["name"],
        plan=plan.id,
        version=version,
        parameters=typed,
        tags=context["tags"],
        spot=context["spot"],
    )
    preview = ordering.preview_order(actor=actor, wanted=wanted)
    sort: eta.Sort = ("create", offering.slug, region.pk)
    return {
        "plan": plan,
        "plans": plan_rows(entry, region, plan.id),
        "runs": run_rows(entry, region, plan, project.organisation, spot=wanted.spot),
        "price": panel(preview),
        "checks": preflight.checks(preview, entry, plan, version, region),
        "sla": promised_availability(offering, plan),
        "usual_seconds": eta.usual_seconds([sort]).get(sort),
        "code": as_code.order(project, _body(entry, plan, region, context, typed)),
    }


def _place(found: regions.Orderable, chosen: bool) -> Place:
    if not found.ok:
        return Place(found.region, True, f"{found.reason} {found.hint}".strip(), "", chosen)
    if not found.region.healthy:
        return Place(found.region, False, _("Does not answer now: orders wait."), "warn", chosen)
    return Place(found.region, False, "", "", chosen)


def _region(found: list[regions.Orderable], code: str) -> Any:
    """The region asked for, else the first where the offering can be ordered."""
    fine = [s.region for s in found if s.ok]
    return next((r for r in fine if r.code == code), fine[0] if fine else None)


def _plan(entry: Entry, region: Any, plan_id: str) -> Plan:
    plans = {p.id: p for p in entry.offering.plans}
    return plans.get(plan_id) or plans[default_plan(entry, region)]


def _body(
    entry: Entry, plan: Plan, region: Any, context: Mapping[str, Any], typed: Mapping[str, Any]
) -> dict[str, Any]:
    """The order as the API takes it; what is as the offering has it is left out."""
    offering = entry.offering
    body: dict[str, Any] = {
        "offering": offering.slug,
        "plan": plan.id,
        "region": region.code,
        "name": context["name"],
    }
    if context["version"] != offering.default_version:
        body["version"] = context["version"]
    if context["spot"]:
        body["spot"] = True
    defaults = {p.name: p.default for p in offering.parameters}
    if parameters := as_code.changed_parameters(offering, typed, defaults):
        body["parameters"] = parameters
    return body


def change_form(
    actor: Actor, instance: Instance, entry: Entry, data: QueryDict, errors: Mapping[str, str]
) -> dict[str, Any]:
    """What the settings of a service need: plans, parameters and the price of the change."""
    region = instance.region
    typed = raw_parameters(entry.offering, data, region=region, changing=True)
    plan_id = data.get("plan") or instance.plan
    known = {p.id for p in entry.offering.plans}
    preview = ordering.preview_change(
        actor=actor,
        instance=instance,
        plan=plan_id if plan_id in known else None,
        parameters=typed,
    )
    values = {**instance.parameters, **typed}
    fields = parameter_fields(entry.offering, values, errors, region=region, changing=True)
    parameters = as_code.changed_parameters(entry.offering, typed, instance.parameters)
    body = {"plan": plan_id} if plan_id != instance.plan else {}
    return {
        "plans": plan_rows(entry, region, plan_id, instance),
        "fields": fields,
        "price": panel(preview),
        "errors": errors,
        "resizes": plan_id != instance.plan,
        "tag_rows": tags.rows(instance.tags),
        "windows": window.choices(instance),
        "upgrades": upgrading.choices(instance),
        "code": as_code.change(instance, body | ({"parameters": parameters} if parameters else {})),
    }
