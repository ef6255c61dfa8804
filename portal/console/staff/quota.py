"""Quota of an organisation's projects, and what they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.console.staff import customers
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import oversight
from portal.tenancy.models import Organisation, Project
from services.instances import limits
from services.regions import oversight as places
from services.regions import requests
from services.regions.oversight import Line
from services.regions.texts import quota_label

if TYPE_CHECKING:
    from services.regions.models import QuotaRequest, Region


@dataclass(frozen=True, slots=True)
class Place:
    """A project in a region; no lines = no limits there."""

    project: Project
    region: Region
    lines: list[Line]
    url: str


@dataclass(frozen=True, slots=True)
class Field:
    """One limit as its form draws it."""

    name: str
    label: str
    value: str
    used: Decimal
    error: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with the words of it; `limit` as a form holds it."""

    request: QuotaRequest
    label: str
    limit: str

    @property
    def name(self) -> str:
        return self.request.name


def overview(actor: Actor, organisation: Organisation) -> dict[str, Any]:
    """Context of console/staff/quota.html."""
    known = {
        key: [Line(row.name, row.used, row.limit) for row in rows]
        for key, rows in groupby(
            places.quotas_of(actor, organisation), lambda row: (row.project_id, row.region_id)
        )
    }
    shown = [region for region in places.regions(actor) if region.status != "off"]
    projects = oversight.projects_of(actor, organisation).filter(archived_at=None)
    return customers.frame(actor, organisation, "quota") | {
        "places": [
            Place(
                project,
                region,
                known.get((project.pk, region.pk), []),
                _url(organisation, project, region),
            )
            for project in projects
            for region in shown
        ],
        "asked": [_asked(row) for row in places.pending_requests(actor, organisation)],
    }


def _url(organisation: Organisation, project: Project, region: Region) -> str:
    args = [organisation.slug, project.slug, region.code]
    return reverse("console:staff-quota-edit", args=args)


def form(
    actor: Actor,
    organisation: Organisation,
    project: Project,
    region: Region,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/staff/quota_edit.html."""
    typed, faults = sent or {}, errors or {}
    fields = [
        Field(
            line.name,
            line.label,
            typed.get(line.name, "" if line.limit is None else requests.plain(line.limit)),
            line.used,
            faults.get(line.name, ""),
        )
        for line in places.lines_of(actor, project, region)
    ]
    context = customers.frame(actor, organisation, "quota")
    context["crumbs"] += [
        (organisation.name, reverse("console:staff-organisation", args=[organisation.slug])),
        (_("Quota"), reverse("console:staff-quota", args=[organisation.slug])),
    ]
    return context | {
        "project": project,
        "region": region,
        "fields": fields,
        "errors": faults,
        "reason": typed.get("reason", ""),
    }


def save(
    actor: Actor, project: Project, region: Region, sent: Mapping[str, str]
) -> dict[str, Decimal]:
    """What changed. An empty field leaves things as they are. Raises: Invalid."""
    wanted: dict[str, Decimal] = {}
    faults: dict[str, str] = {}
    for line in places.lines_of(actor, project, region):
        text = sent.get(line.name, "").strip()
        if text:
            try:
                wanted[line.name] = Decimal(text)
            except InvalidOperation:
                faults[line.name] = _("Give a number.")
        elif line.limit is not None:
            faults[line.name] = _("A limit cannot be taken away. Give a large number.")
    if faults:
        raise Invalid(faults)
    return limits.set_quotas(
        actor=actor,
        project=project,
        region=region,
        limits=wanted,
        reason=sent.get("reason", ""),
    )


def request_list(actor: Actor) -> dict[str, Any]:
    """Context of console/staff/requests.html. What was asked of the provider is no look."""
    return {
        "asked": [_asked(row) for row in places.pending_requests(actor)],
        "answered": [_asked(row) for row in places.answered_requests(actor)],
    }


def _asked(row: QuotaRequest) -> Asked:
    return Asked(row, quota_label(row.name), requests.plain(row.limit))


def decide(actor: Actor, request: QuotaRequest, sent: Mapping[str, str]) -> QuotaRequest:
    """Approves with the limit that was typed, or refuses. Raises: Invalid, Conflict."""
    answer = sent.get("answer", "")
    if sent.get("decision") == "refuse":
        return requests.refuse_quota_request(actor=actor, request=request, answer=answer)
    try:
        limit = Decimal(sent.get("limit", "").strip() or request.limit)
    except InvalidOperation as error:
        raise Invalid({"limit": _("Give a number.")}) from error
    return requests.approve_quota_request(actor=actor, request=request, limit=limit, answer=answer)
