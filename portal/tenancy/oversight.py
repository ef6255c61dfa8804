"""The provider's door to tenants' rows, for staff who act as such.

What names a customer (its organisation, country, dates, whether it is suspended, what it asked the
provider for) is the provider's own record. Everything inside an organisation is the tenant's:
people, projects, services, operations, quota in use. Whoever of the staff reads that is written
into the organisation's audit trail (`note_looks`), where its members see it.
"""

from __future__ import annotations

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.db.models import Count, Exists, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.audit.looks import record_looks
from portal.audit.models import AuditEvent
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound, NotPermitted
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import Role
from portal.tenancy.refusals import no_organisation

STATES = ("active", "suspended", "archived")


def require_staff(actor: Actor) -> None:
    """Raises: NotPermitted unless a person of the provider acts as such, or Polder itself."""
    if not actor.is_provider:
        raise NotPermitted(
            _("Only the provider's staff may do this."),
            hint=_("Ask the provider's support."),
        )


def note_looks(actor: Actor, slugs: Iterable[str], *, seen: str) -> None:
    """Tells the audit trails of these organisations that staff read what is theirs; `seen` says
    what, in a word.
    """
    require_staff(actor)
    if not actor.is_system:
        record_looks(actor, slugs, seen=seen)


def organisations(actor: Actor, *, search: str = "", state: str = "") -> QuerySet[Organisation]:
    """Customers by name, with `people` and `project_count`. `search` looks at name and slug."""
    require_staff(actor)
    rows = Organisation.objects.all()
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(slug__icontains=search))
    if state == "suspended":
        rows = rows.filter(suspended_at__isnull=False, archived_at__isnull=True)
    elif state == "archived":
        rows = rows.filter(archived_at__isnull=False)
    elif state == "active":
        rows = rows.filter(suspended_at__isnull=True, archived_at__isnull=True)
    return rows.annotate(
        people=_count(Membership, "user", distinct=True), project_count=_count(Project, "pk")
    ).order_by("name", "pk")


def _count(model: type[Membership | Project], field: str, *, distinct: bool = False) -> Coalesce:
    """How many rows of `model` each organisation has, without joining them all."""
    rows = model._default_manager.filter(organisation=OuterRef("pk")).order_by()
    counted = rows.values("organisation").annotate(n=Count(field, distinct=distinct)).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def organisation(actor: Actor, slug: str, *, seen: str) -> Organisation:
    """One customer, to read what is inside: the look is noted as `seen`. Raises: NotFound."""
    require_staff(actor)
    found = Organisation.objects.filter(slug=slug).first()
    if found is None:
        raise no_organisation(slug)
    note_looks(actor, [found.slug], seen=seen)
    return found


def suspension_of(organisation: Organisation) -> AuditEvent | None:
    """Who suspended it, when and why; None when it is not suspended."""
    if organisation.suspended_at is None:
        return None
    rows = AuditEvent.objects.filter(
        chain=organisation.slug, target=organisation.slug, verb="organisation.suspend"
    )
    return rows.order_by("-at").first()


def projects_of(actor: Actor, organisation: Organisation) -> QuerySet[Project]:
    """All its projects, archived ones last."""
    require_staff(actor)
    return organisation.projects.order_by("archived_at", "name")


def project(actor: Actor, organisation: Organisation, slug: str) -> Project:
    """Raises: NotFound."""
    found = projects_of(actor, organisation).filter(slug=slug).first()
    if found is None:
        raise NotFound(
            _("There is no project “%(slug)s” in this organisation.") % {"slug": slug},
            hint=_("See the organisation's projects."),
        )
    return found


def members_of(actor: Actor, organisation: Organisation) -> QuerySet[Membership]:
    """Everybody in the organisation and its projects; whoever owns it first."""
    require_staff(actor)
    rows = organisation.memberships.select_related("user", "project", "organisation")
    return rows.order_by("project__name", "user__email")


def member(actor: Actor, public_id: str) -> Membership:
    """One membership of any tenant, whose organisation is told. Raises: NotFound."""
    require_staff(actor)
    rows = Membership.objects.select_related("user", "organisation", "project")
    found = rows.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such member."), hint=_("See the organisation's people."))
    note_looks(actor, [found.organisation.slug], seen="people")
    return found


def owners_of(actor: Actor, organisation: Organisation) -> list[User]:
    """Whom to write to."""
    rows = members_of(actor, organisation).filter(project__isnull=True, role=Role.OWNER)
    return [row.user for row in rows.order_by("pk")]


def projects_matching(actor: Actor, text: str) -> QuerySet[Project]:
    """Of all tenants, by name, slug or number."""
    require_staff(actor)
    found = Q(name__icontains=text) | Q(slug__icontains=text) | Q(public_id=text.lower())
    return Project.objects.filter(found).select_related("organisation").order_by("name", "pk")


def people_matching(actor: Actor, text: str) -> QuerySet[User]:
    """Of all tenants, by address or name; each with its memberships as `places`."""
    require_staff(actor)
    rows = User.objects.filter(Q(email__icontains=text) | Q(name__icontains=text))
    places = Membership.objects.select_related("organisation", "project").order_by("pk")
    return rows.prefetch_related(
        Prefetch("memberships", queryset=places, to_attr="places")
    ).order_by("email")


def counts_by_state(actor: Actor) -> dict[str, int]:
    """How many organisations are active, suspended and archived."""
    require_staff(actor)
    living, away = Q(archived_at__isnull=True), Q(suspended_at__isnull=False)
    return Organisation.objects.aggregate(
        active=Count("pk", filter=living & ~away),
        suspended=Count("pk", filter=living & away),
        archived=Count("pk", filter=~living),
    )


def count_people(actor: Actor) -> tuple[int, int]:
    """How many people can sign in, and how many of them have not confirmed their address."""
    require_staff(actor)
    living = User.objects.filter(is_active=True)
    confirmed = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    signed_up = EmailAddress.objects.filter(user=OuterRef("pk"))
    waiting = living.filter(Exists(signed_up), ~Exists(confirmed))
    return living.count(), waiting.count()
