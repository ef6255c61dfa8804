"""Makers of rows for tests. Each fills in what a test does not care about."""

from __future__ import annotations

import itertools
import time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.test import Client

from billing.orders import ordering
from portal.accounts.actors import user_actor
from portal.accounts.models import User
from portal.kernel import clock, crypto
from portal.kernel.actor import SYSTEM, Actor
from portal.notifications.models import Delivery, Webhook
from portal.outbox.models import OutboxEntry
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import Role
from portal.tenancy.tokens import create_token
from services import registry
from services.backends.fake import FakeBackend
from services.instances import work
from services.instances.admission import Wanted
from services.instances.models import Instance, Operation
from services.instances.specs import spec_of
from services.instances.states import OPEN
from services.regions.models import Quota, Region

_number = itertools.count(1)
PASSWORD = "a long enough password"


def make_user(email: str | None = None, **fields: Any) -> User:
    email = email or f"u{next(_number)}@test.example"
    return User.objects.create(email=email, password=_hashed_password(), **fields)


@lru_cache
def _hashed_password() -> str:
    """Hashed once: a good hash is slow."""
    return make_password(PASSWORD)


def signed_in(client: Client, user: User, *, minutes_ago: float = 0) -> Client:
    """A client whose person signed in `minutes_ago`; `force_login` alone counts as long ago."""
    client.force_login(user)
    session = client.session
    proof = {"method": "sign_in", "at": time.time() - minutes_ago * 60, "reauthenticated": True}
    session["account_authentication_methods"] = [proof]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


def make_second_factor(user: User, secret: str = "JBSWY3DPEHPK3PXP") -> str:  # noqa: S107  # made up
    """An authenticator app of the person; its secret."""
    data = {"secret": crypto.encrypt(secret)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    return secret


def make_organisation(slug: str | None = None, **fields: Any) -> Organisation:
    slug = slug or f"org-{next(_number)}"
    return Organisation.objects.create(slug=slug, name=fields.pop("name", slug.title()), **fields)


def make_project(organisation: Organisation | None = None, slug: str | None = None) -> Project:
    slug = slug or f"project-{next(_number)}"
    return Project.objects.create(
        organisation=organisation or make_organisation(),
        public_id=f"pj-{next(_number):08x}",
        slug=slug,
        name=slug.title(),
    )


def make_member(
    project: Project, role: Role = Role.OWNER, *, only_project: bool = False, **fields: Any
) -> User:
    """A user with `role` in the project's organisation, or in the project alone."""
    user = fields.pop("user", None) or make_user()
    Membership.objects.create(
        user=user,
        organisation=project.organisation,
        project=project if only_project else None,
        role=role,
        **fields,
    )
    return user


def actor_for(user: User) -> Actor:
    return user_actor(user)


def make_owner(project: Project) -> Actor:
    return actor_for(make_member(project, Role.OWNER))


def make_token(user: User, **fields: Any) -> str:
    """The text of a fresh token."""
    return create_token(actor=actor_for(user), name=f"token {next(_number)}", **fields)[1]


def make_region(code: str = "local", **fields: Any) -> Region:
    wanted = {"name": code.title(), "country": "NL", "backend": "fake", **fields}
    if wanted["backend"] == "kubernetes":  # nothing can be ordered before the first look
        wanted.setdefault("checked_at", clock.now())
    return Region.objects.create(code=code, **wanted)


def make_quota(project: Project, region: Region, **limits: int) -> None:
    for name, limit in limits.items():
        Quota.objects.create(project=project, region=region, name=name, limit=Decimal(limit))


def make_webhook(
    project: Project, url: str = "https://hooks.test/", secret: str = "", **fields: Any
) -> Webhook:
    """One that is told how services are and how operations end."""
    kinds = list(fields.pop("kinds", ("service.down", "operation.succeeded")))
    kept = crypto.encrypt(secret or crypto.new_password())
    return Webhook.objects.create(project=project, url=url, kinds=kinds, secret=kept, **fields)


def make_delivery(webhook: Webhook, kind: str = "service.down", **fields: Any) -> Delivery:
    """One that waits, of an event that everybody was told of."""
    entry = OutboxEntry.objects.create(
        kind=kind,
        organisation=webhook.project.organisation,
        project=webhook.project,
        target="pg-00000001",
        params={"instance": "pg-00000001", "name": "orders-db", "offering": "postgresql"},
        done_at=clock.now(),
    )
    return Delivery.objects.create(webhook=webhook, entry=entry, **fields)


def order(
    project: Project,
    region: Region,
    *,
    actor: Actor | None = None,
    offering: str = "postgresql",
    **fields: Any,
) -> Operation:
    """Places an order as an owner would; the operation is pending."""
    name = fields.pop("name", f"service-{next(_number)}")
    entry = registry.get(offering)
    wanted = Wanted(project=project, entry=entry, region=region, name=name, **fields)
    return ordering.place_order(actor=actor or SYSTEM, wanted=wanted)


def drive(operation: Operation, *, turns: int = 50) -> Operation:
    """Lets workers take turns until the operation has ended, without waiting for its due times."""
    for _ in range(turns):
        operation.refresh_from_db()
        if operation.state not in OPEN:
            return operation
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=None)
        work.take_turn(operation.pk)
    raise AssertionError(f"{operation} has not ended after {turns} turns")


def make_instance(project: Project, region: Region, **fields: Any) -> Instance:
    """A running service."""
    operation = drive(order(project, region, **fields))
    assert operation.state == "succeeded", operation.error_code
    return Instance.objects.select_related("project__organisation", "region").get(
        pk=operation.instance_id
    )


def put_instance(
    project: Project, region: Region, fake: FakeBackend | None = None, **fields: Any
) -> Instance:
    """As if it ran: a row alone, without what an order leaves. A tenth of the time of
    `make_instance`. `fake` knows of it then.
    """
    number = next(_number)
    made = Instance.objects.create(
        project=project,
        region=region,
        **{
            "public_id": f"pg-{number:08x}",
            "name": f"service-{number}",
            "offering": "postgresql",
            "version": "17",
            "plan": "dev-1x1",
            "phase": "running",
            "observed": "ready",
            "created_at": clock.now(),
            **fields,
        },
    )
    if fake is not None:
        fake.applied[made.public_id] = spec_of(made, with_secrets=False)
        fake.looks[made.public_id] = fake.looks_until_ready
    return made


def make_staff() -> Actor:
    """A person of the provider who acts as such."""
    user = make_user(is_staff=True)
    return Actor(kind="staff", id=str(user.pk), name=user.email, is_staff=True)
