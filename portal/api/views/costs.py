"""What was spent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.http import HttpResponse
from django.utils.translation import gettext as _

from billing.costs import queries as costs
from billing.outlook.queries import outlook_for
from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import ORGANISATION, PROJECT, Query, contract
from portal.api.errors import Fault, InvalidQuery
from portal.api.scope import organisation_of
from portal.api.serializers import billing as shapes
from portal.api.serializers import budgets
from portal.kernel import clock
from portal.kernel.errors import Invalid
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop


def _span(first: datetime | None, end: datetime | None) -> tuple[date, date]:
    today = clock.now().date()
    return (
        first.astimezone(UTC).date() if first else today.replace(day=1),
        end.astimezone(UTC).date() if end else today + timedelta(days=1),
    )


def _tag(text: str) -> tuple[str, str] | None:
    key, colon, value = text.partition(":")
    if text and not colon:
        raise Invalid({"tag": _("Write the tag as KEY:VALUE.")})
    return (key, value) if colon else None


def _month(text: str | None) -> date | None:
    """`YYYY-MM`, of a month that has begun. Raises: InvalidQuery."""
    if not text:
        return None
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        month = None
    if month is None or month > clock.now().date():
        detail = _("Write a month that has begun as YYYY-MM.")
        raise InvalidQuery([Fault(pointer="?month", code="invalid", detail=detail)])
    return month


class Forecast(View):
    @contract(
        gettext_noop("Read what a month is expected to cost"),
        {200: "Forecast"},
        description=gettext_noop(
            "Net of VAT. `actual` is what it cost so far; four of five months end between `low` "
            "and `high`. Without `month`, the one that runs."
        ),
        permission=Permission.COST_VIEW,
        query=(
            ORGANISATION,
            PROJECT,
            Query("month", gettext_noop("A calendar month in UTC, `YYYY-MM`."), "text", maximum=7),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        asked = self.query
        organisation = organisation_of(
            self.actor, asked.get("organisation"), Permission.ORGANISATION_VIEW
        )
        found = outlook_for(
            self.actor,
            organisation,
            month=_month(asked.get("month")),
            project=asked.get("project", ""),
        )
        return json_response(budgets.forecast(found))


class Costs(View):
    @contract(
        gettext_noop("Read costs"),
        {200: "Costs"},
        description=gettext_noop(
            "Net of VAT and exact. Days begin at midnight UTC; `from` is included, `to` is not. "
            "Without them, this month so far."
        ),
        permission=Permission.COST_VIEW,
        query=(
            ORGANISATION,
            PROJECT,
            Query("from", gettext_noop("Only from this day on."), "moment"),
            Query("to", gettext_noop("Only before this day."), "moment"),
            Query("period", gettext_noop("A row for each."), choices=("day", "month")),
            Query(
                "group_by",
                gettext_noop("One of family, offering, project, region, instance, or `tag:KEY`."),
                "text",
                maximum=80,
            ),
            Query("instance", gettext_noop("Only of this service.")),
            Query("tag", gettext_noop("Only what carries this tag, `KEY:VALUE`."), "text"),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        asked = self.query
        organisation = organisation_of(
            self.actor, asked.get("organisation"), Permission.ORGANISATION_VIEW
        )
        first, end = _span(asked.get("from"), asked.get("to"))
        try:
            found = costs.costs_for(
                self.actor,
                organisation,
                first=first,
                end=end,
                period=asked.get("period", "day"),
                group_by=asked.get("group_by", "offering"),
                project=asked.get("project", ""),
                instances=[asked["instance"]] if asked.get("instance") else (),
                tag=_tag(asked.get("tag", "")),
            )
        except Invalid as error:  # here the fields stand in the query
            faults = [
                Fault(pointer=f"?{name}", code="invalid", detail=text)
                for name, text in error.fields.items()
            ]
            raise InvalidQuery(faults) from error
        return json_response(shapes.costs(found))
