"""Which organisation, project or region a request means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from portal.api.errors import Fault, InvalidQuery
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound, NotPermitted, PortalError, Unavailable
from portal.tenancy import access, tokens
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry
from services.regions import queries as regions
from services.spec import Entry

if TYPE_CHECKING:
    from portal.api.base import View
    from services.regions.models import Region


def is_staff(view: View) -> bool:
    """Whether a person of the provider is signed in; a token never says so."""
    return view.actor.is_staff and not view.actor.is_impersonating


def staff_of(view: View) -> Actor:
    """The person of the provider who is signed in, to act as such. Raises: NotPermitted."""
    if not is_staff(view):
        raise NotPermitted(
            _("Only the provider's staff may do this, signed in: no token may."),
            hint=_("Ask the provider's support."),
        )
    return replace(view.actor, kind="staff", user_id=None)


def organisation_of(actor: Actor, slug: str | None, permission: Permission) -> Organisation:
    """The one that is named, or the only one there is.

    Raises: NotFound, NotPermitted, PortalError("organisation-required").
    """
    if slug:
        return access.organisation(actor, slug, permission)
    found = access.organisations(actor, Permission.ORGANISATION_VIEW).order_by("pk")[:2]
    slugs = [row.slug for row in found]
    if len(slugs) > 1:
        raise PortalError(
            _("You are in several organisations, and this concerns one."),
            hint=_("Name it with “organisation=”."),
            code="organisation-required",
        )
    if not slugs:
        raise NotFound(
            _("You are in no organisation yet."),
            hint=_("Create one, or ask a member to invite you."),
        )
    return access.organisation(actor, slugs[0], permission)


@contextmanager
def named_in(field: str) -> Iterator[None]:
    """What a field of the body names and is not to be found is a fault of that field.

    Raises: Invalid instead of NotFound.
    """
    try:
        yield
    except NotFound as error:
        raise Invalid({field: error.text}, hint=error.hint) from error


@contextmanager
def asked_in_query() -> Iterator[None]:
    """What does not fit stands in the query here. Raises: InvalidQuery instead of Invalid."""
    try:
        yield
    except Invalid as error:
        raise InvalidQuery(
            [
                Fault(pointer=f"?{name}", code="invalid", detail=text)
                for name, text in error.fields.items()
            ]
        ) from error


def named_places(actor: Actor, body: dict[str, Any]) -> dict[str, Any]:
    """`body` with the organisation, project and service account that it names. Raises: Invalid."""
    found = dict(body)
    if "organisation" in body:
        slug = body["organisation"]
        with named_in("organisation"):
            found["organisation"] = access.organisation(actor, slug, Permission.ORGANISATION_VIEW)
    if "project" in body:
        with named_in("project"):
            found["project"] = access.project(actor, body["project"], Permission.PROJECT_VIEW)
    if "service_account" in body:
        ident = body["service_account"]
        with named_in("service_account"):
            found["service_account"] = tokens.service_account_for(actor, ident)
    return found


def owned_by_organisation(view: View, permission: Permission) -> dict[str, Any]:
    """The body of a POST to a collection of an organisation, with the organisation (of the body or
    the query) and the project it names. Raises: NotFound, NotPermitted, Invalid.
    """
    named = view.query.get("organisation")
    if named:
        access.organisation(view.actor, named, Permission.ORGANISATION_VIEW)  # 404 wins over 422
    wanted = dict(view.body)
    slug = wanted.pop("organisation", None) or named
    # What concerns one project may be done by whoever holds the permission there.
    least = Permission.ORGANISATION_VIEW if "project" in wanted else permission
    organisation = organisation_of(view.actor, slug, least)
    return named_places(view.actor, wanted) | {"organisation": organisation}


def entry_called(slug: str) -> Entry:
    """The offering that an order names. Raises: Invalid."""
    entry = registry.entries().get(slug)
    if entry is None:
        raise Invalid({"offering": _("There is no offering “%(slug)s”.") % {"slug": slug}})
    return entry


def region_for(entry: Entry, code: str | None) -> Region:
    """The region that an order names, or the first that takes it.

    Raises: Invalid, Unavailable without any region.
    """
    if code is not None:
        with named_in("region"):
            return regions.region(code)
    places = regions.regions()
    if not places:
        raise Unavailable(
            _("There is no region yet, so nothing can be ordered."),
            hint=_("Staff must open one."),
        )
    return next((place for place in places if regions.orderable(entry, place).ok), places[0])
