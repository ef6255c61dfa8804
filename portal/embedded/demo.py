"""The demo: an organisation with a project, the region of this machine, a user for each role."""

from __future__ import annotations

from decimal import Decimal

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from portal.accounts.models import User
from portal.kernel.actor import SYSTEM
from portal.tenancy import actions, members
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import Role
from services.regions.models import Quota, Region

DOMAIN = "demo.example"
STAFF = f"staff@{DOMAIN}"
SLUG, REGION = "demo", "local"
_LIMITS = {
    Quota.Name.INSTANCES: 100,
    Quota.Name.VCPU: 200,
    Quota.Name.MEMORY_MIB: 400 * 1024,
    Quota.Name.STORAGE_GIB: 4000,
    Quota.Name.PUBLIC_ENDPOINTS: 100,
}


def address(role: Role) -> str:
    return f"{role.value}@{DOMAIN}"


def exists() -> bool:
    return Region.objects.filter(code=REGION).exists() and (
        Project.objects.filter(slug=SLUG).exists()
    )


@transaction.atomic
def make(password: str) -> None:
    """Whatever of the demo is missing. People that are there keep their passwords."""
    users = {role: _user(address(role), password, role.label) for role in Role}
    _user(STAFF, password, "Provider", is_staff=True, is_superuser=True)
    organisation = Organisation.objects.filter(slug=SLUG).first() or actions.create_organisation(
        actor=SYSTEM,
        name="Demo",
        slug=SLUG,
        country=settings.POLDER_PROVIDER_COUNTRY,
        owner=users[Role.OWNER],
    )
    for role, user in users.items():
        if not Membership.objects.filter(organisation=organisation, user=user).exists():
            members.add_member(actor=SYSTEM, organisation=organisation, user=user, role=role)
    project = Project.objects.filter(slug=SLUG).first() or actions.create_project(
        actor=SYSTEM, organisation=organisation, name="Demo", slug=SLUG
    )
    region, _ = Region.objects.get_or_create(
        code=REGION,
        defaults={
            "name": "Local",
            "country": settings.POLDER_PROVIDER_COUNTRY,
            "backend": Region.Backend.PROCESS,
        },
    )
    for name, limit in _LIMITS.items():
        Quota.objects.get_or_create(
            project=project, region=region, name=name, defaults={"limit": Decimal(limit)}
        )


def _user(email: str, password: str, name: str, **fields: bool) -> User:
    found = User.objects.filter(email=email).first()
    if found is None:
        found = User.objects.create_user(email, password, name=name, **fields)
        # Nobody reads this mailbox, and a second factor wants an address that was confirmed.
        EmailAddress.objects.create(user=found, email=email, verified=True, primary=True)
    return found
