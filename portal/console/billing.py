"""The billing details of an organisation: what its invoices say, and the VAT that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from billing.identity import queries, schemes, texts
from billing.identity.fields import LANGUAGES, LENGTHS, tidy_vat_id
from billing.vat.territories import countries
from portal.console import organisations
from portal.kernel.actor import Actor
from portal.kernel.formats import country_name
from portal.tenancy import access
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from billing.vat.decisions import Decision
    from portal.tenancy.models import Organisation

_HISTORY = 10


def details(
    actor: Actor,
    organisation: Organisation,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/billing.html; `typed` is what a form sent."""
    row = queries.identity_for(actor, organisation)
    held = access.permissions_in_organisation(actor, organisation)
    values = _stored(organisation, row) | _fields(typed or {})
    return (
        organisations.frame(organisation)
        | {
            "typed": values,
            "errors": errors or {},
            "state": texts.vat_id_state_label(row.vat_id_state) if row and row.vat_id else "",
            "may_change": Permission.BILLING_MANAGE in held,
            "countries": country_options(),
            "schemes": schemes.schemes(),
            "languages": _languages(),
            "kinds": [(kind, texts.kind_label(kind)) for kind in ("business", "consumer")],
            "history": [
                (one, country_name(one.data["country"]))
                for one in queries.history_for(actor, organisation)[:_HISTORY]
            ],
        }
        | meaning(organisation, values)
    )


def meaning(organisation: Organisation, values: Mapping[str, str]) -> dict[str, Any]:
    """What the form would mean for VAT: context of the partial `vat`."""
    tidy = _fields(values)
    tidy["vat_id"] = tidy_vat_id(tidy["vat_id"], tidy["country"]) if tidy["vat_id"] else ""
    return {"organisation": organisation, "vat": told(queries.preview_decision(organisation, tidy))}


def told(decision: Decision) -> dict[str, Any]:
    """A decision in words."""
    return {
        "title": texts.title(decision),
        "because": texts.because(decision),
        "category": decision.category,
        "legal": texts.legal_text(decision.reason),
        "notes": [texts.note_text(code) for code in decision.notes],
        "faults": [texts.fault_text(code) for code in decision.faults],
    }


def country_options() -> list[tuple[str, str]]:
    """All countries by name in the reader's language."""
    named = [(code, country_name(code)) for code in countries()]
    return sorted(named, key=lambda entry: entry[1])


def _languages() -> list[tuple[str, str]]:
    """Each by its own name, and the one that is meant where none is chosen."""
    named = {code.split("-")[0]: name for code, name in settings.LANGUAGES}
    usual = named[settings.LANGUAGE_CODE.split("-")[0]]
    return [
        ("", _("As usual here (%(language)s)") % {"language": usual}),
        *((code, named[code]) for code in LANGUAGES),
    ]


def _stored(organisation: Organisation, row: Any) -> dict[str, str]:
    """What is there, or what can be guessed."""
    values = queries.values_of(row)
    if row is None:
        values |= {
            "kind": "business",
            "legal_name": organisation.name,
            "country": organisation.country,
        }
    return values


def _fields(typed: Mapping[str, str]) -> dict[str, str]:
    known = {name: typed[name] for name in LENGTHS if name in typed}
    return known if not known else dict.fromkeys(LENGTHS, "") | known
