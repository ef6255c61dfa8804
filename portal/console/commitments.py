"""What an organisation has reserved, and what it might."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.commitments import actions as commitments
from billing.commitments import queries as reads
from billing.commitments.actions import UPFRONT_PERCENTS, Reservation, Wanted
from billing.commitments.upkeep import name_of
from billing.formats import exact_money
from billing.pricebook import reserved
from billing.pricebook.classes import class_label
from billing.pricebook.texts import meter_count
from portal.console.attempts import attempt
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.formats import number
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services import registry
from services.regions import queries as regions

if TYPE_CHECKING:
    from billing.models import Commitment
    from portal.tenancy.models import Organisation

_STATUS = {"planned": "info", "active": "ok", "ended": "quiet"}


@dataclass(frozen=True, slots=True)
class Row:
    """One reservation as the page lists it."""

    commitment: Commitment
    name: str
    parts: str
    place: str
    status: str
    status_label: str
    tone: str
    standing: reads.Standing
    renewable: bool


def overview(
    actor: Actor,
    organisation: Organisation,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/commitments.html; `typed` is the form's."""
    rows = list(reads.commitments_for(actor, organisation)[:200])
    standings = reads.standings_of(organisation)
    held = access.permissions_in_organisation(actor, organisation)
    may_buy = Permission.BILLING_MANAGE in held
    return {
        "organisation": organisation,
        "rows": [_row(row, standings, may_buy=may_buy) for row in rows],
        "covered": reads.covered_percent(organisation),
        "saved": sum((one.saved for one in standings.values()), Decimal(0)),
        "may_buy": may_buy,
    } | form(actor, organisation, typed, errors)


def form(
    actor: Actor,
    organisation: Organisation,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of the partials `form` and `preview`: the choices, and what they would mean."""
    asked = dict(typed or {})
    offerings = _offerings()
    offering = _among(asked.get("offering", ""), offerings)
    plans = [plan.id for plan in registry.get(offering).offering.plans if not plan.retired]
    plan = _among(asked.get("plan", ""), plans)
    chosen = {
        "offering": offering,
        "plan": plan,
        "pieces": asked.get("pieces", "1"),
        "region": asked.get("region", ""),
        "term": asked.get("term", "1y"),
        "upfront": asked.get("upfront", "0"),
    }
    found, faults = attempt(
        lambda: commitments.reservation_for(actor, organisation, wanted_of(chosen))
    )
    return {
        "typed": chosen,
        "errors": errors or faults,
        "offerings": offerings,
        "plans": plans,
        "regions": [(place.code, place.name) for place in regions.regions()],
        "terms": [(key, term_label(key)) for key in reserved.terms()],
        "upfronts": [(str(percent), upfront_label(percent)) for percent in UPFRONT_PERCENTS],
        "offer": _offer(found) if found else None,
    }


def renewal(actor: Actor, commitment: Commitment, errors: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/commitment_renew.html."""
    found, faults = attempt(
        lambda: commitments.reservation_for(
            actor, commitment.organisation, commitments.renewal_of(commitment)
        )
    )
    return {
        "commitment": commitment,
        "crumbs": [(_("Reservations"), reverse("console:commitments"))],
        "name": name_of(commitment),
        "offer": _offer(found) if found else None,
        "errors": errors or faults,
    }


def wanted_of(sent: Mapping[str, str]) -> Wanted:
    """What a form asks for; what cannot be read is a fault of its field later."""
    return Wanted(
        term=sent.get("term", ""),
        offering=sent.get("offering", ""),
        plan=sent.get("plan", ""),
        pieces=_whole(sent.get("pieces", "")),
        region=sent.get("region", ""),
        upfront_percent=_whole(sent.get("upfront", "0"), wrong=-1),
    )


def agreed_of(sent: Mapping[str, str]) -> Decimal | None:
    """The price that the form showed, in whole cents."""
    return Decimal(_whole(sent.get("agreed", ""), wrong=-1)) / 100 if sent.get("agreed") else None


def term_label(term: str) -> str:
    """`1 year, 25 % less`"""
    found = reserved.terms().get(term)
    if found is None:
        return term
    years = found.months // 12
    length = ngettext("%(years)s year", "%(years)s years", years) % {"years": years}
    params = {"length": length, "percent": number(found.discount_percent)}
    return _("%(length)s, %(percent)s %% less") % params


def upfront_label(percent: int) -> str:
    if percent == 0:
        return _("Every month")
    if percent == 100:
        return _("All at once")
    return _("%(percent)s %% at once, the rest every month") % {"percent": percent}


def _among(wanted: str, known: Iterable[str]) -> str:
    """`wanted` where it is known, else the first."""
    choices = list(known)
    return wanted if wanted in choices else choices[0]


def _whole(text: str, *, wrong: int = 0) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else wrong


def _offerings() -> dict[str, str]:
    """Those whose plans have something that can be reserved, by name."""
    classes = reads.reservable_classes()
    found = {
        slug: entry.offering.name
        for slug, entry in registry.entries().items()
        if entry.offering.price_class in classes
    }
    return dict(sorted(found.items(), key=lambda item: item[1].lower()))


def _offer(found: Reservation) -> dict[str, Any]:
    """A purchase before the click, in words."""
    first, rest = found.payments[0], found.payments[1:]
    return {
        "found": found,
        "agreed": int(found.total * 100),
        "parts": [
            {
                "label": meter_count(rate.meter, rate.quantity),
                "now": exact_money(rate.unit_price, found.currency),
                "before": exact_money(rate.on_demand, found.currency),
            }
            for rate in found.rates
        ],
        "first": first[1],
        "later": found.start > clock.now().date(),
        "monthly": rest[0][1] if rest else None,
        "months": len(rest),
        "extra": -found.saved if found.saved < 0 else None,
    }


def _row(row: Commitment, standings: Mapping[int, reads.Standing], *, may_buy: bool) -> Row:
    status = row.status_on(clock.now().date())
    labels = {"planned": _("Begins later"), "active": _("Runs"), "ended": _("Over")}
    parts = (meter_count(rate.meter, rate.quantity) for rate in row.rates.all())
    return Row(
        row,
        name_of(row) if row.plan else class_label(row.price_class),
        ", ".join(parts),
        row.region or _("All regions"),
        status,
        labels[status],
        _STATUS[status],
        standings.get(row.pk, reads.Standing()),
        may_buy and not hasattr(row, "renewal") and commitments.can_be_renewed(row),
    )
