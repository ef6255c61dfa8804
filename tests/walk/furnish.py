"""A furnished world: the doors' world, and in it one of everything that a page can show.

Names are as long and as nasty as the rules allow: what breaks a page should break it here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.test import override_settings

from billing.orders import ordering
from billing.pricebook import queries
from billing.pricebook.loading import load_prices
from portal.accounts.models import User
from portal.console.actions import save_view
from portal.kernel import clock, crypto
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Permanent
from portal.notifications import fanout, webhooks
from portal.notifications.models import Delivery
from portal.outbox import actions as outbox
from portal.outbox.models import OutboxEntry
from portal.status import actions as status
from portal.status import strip
from portal.status.board import board
from portal.tenancy import invitations, tokens
from portal.tenancy.models import Project
from portal.tenancy.permissions import Role
from services import backends
from services.backends.fake import FakeBackend
from services.backends.models import Applied
from services.instances import actions, work
from services.instances.models import Instance, ProbeDay
from services.regions import clusters, prober_keys, requests
from services.regions.models import Region
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_project,
    make_quota,
    make_region,
    make_user,
    order,
)
from tests.portal.world import make_world
from tests.walk.budgets import furnish_budgets
from tests.walk.money import (
    furnish_advice,
    furnish_buyer,
    furnish_costs,
    furnish_invoice,
    furnish_prices,
)
from tests.walk.usage import furnish_usage

NASTY = """<b>"Dike & Sons'"""
LONG = "orders-db-of-the-webshop-in-the-north-42"
LINK = "the-secret-of-an-invitation"
_SERVED = "postgresql.cnpg.io/v1/Cluster postgresql.cnpg.io/v1/Pooler"
PEOPLE = (None, "newcomer", Role.OWNER, Role.VIEWER, "staff")


@dataclass
class Place:
    """The furnished world. `reals` gives the arguments of addresses whose door names a row that
    does not exist; `secrets` are what no page may show unasked.
    """

    world: dict[str, Any]
    reals: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    @property
    def people(self) -> dict[Any, User]:
        return self.world["people"]  # type: ignore[no-any-return]


@contextmanager
def furnished() -> Iterator[Place]:
    """The place with the fake backend in it; database access must be allowed, and what is made
    there is the caller's to take away.
    """
    fake = FakeBackend()
    with on_the_fake(fake):
        yield furnish(fake)


@contextmanager
def on_the_fake(fake: FakeBackend) -> Iterator[None]:
    """Prices are loaded, regions are those of `fake`, and nobody is sent anything."""
    with pytest.MonkeyPatch.context() as patch, _own_settings():
        _quiet(patch, fake)
        _forget()
        load_prices()
        _forget()
        yield
    _forget()


def _own_settings() -> override_settings:
    """Unhashed names of files, and a cache that nobody else reads."""
    files = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    cache = {**settings.CACHES["default"], "KEY_PREFIX": f"test-{uuid.uuid4().hex}"}
    return override_settings(
        STORAGES={**settings.STORAGES, "staticfiles": files}, CACHES={"default": cache}
    )


def _quiet(patch: pytest.MonkeyPatch, fake: FakeBackend) -> None:
    """What tests/conftest.py does for one test, for as long as the place is there."""
    patch.setitem(backends.BACKENDS, "fake", lambda region: fake)
    patch.setattr(work, "_prepare_next", lambda operation: None)
    patch.setattr(work, "enqueue", lambda *args, **kwargs: None)
    patch.setattr(outbox, "_send", lambda task, args: None)


def _forget() -> None:
    """What is remembered of rows that are gone, or not there yet."""
    queries.forget_prices()
    strip.forget()
    board.forget()


def furnish(fake: FakeBackend) -> Place:
    place = Place(make_world())
    world, people = place.world, place.people
    project: Project = world["project"]
    organisation = world["organisation"]
    organisation.name = f"{NASTY} Water Management and Coastal Defence of the Northern Provinces"
    organisation.save()
    people["newcomer"] = make_user("newcomer@test.example")
    people["staff"] = make_user("staff@test.example", is_staff=True, is_superuser=True)
    make_project(organisation, "zeeland")
    owner = actor_for(people[Role.OWNER])
    south = make_region("south", name="Northern Islands and the Far South", country="FR")
    _cluster(place)
    _services(place, owner, south, fake)
    _access(place, owner)
    furnish_buyer(place, owner, NASTY)
    _announcements(place, south)
    _probed(place)
    month = furnish_costs()
    furnish_invoice(place, month, NASTY)
    furnish_prices(month)
    furnish_budgets(place, owner, NASTY)
    furnish_advice(place)
    furnish_usage(place)
    for pk in OutboxEntry.objects.filter(done_at=None).values_list("pk", flat=True):
        fanout.fan_out(pk)
    _deliveries(place, owner)
    place.reals["console:notification"] = {
        "event": OutboxEntry.objects.filter(project_id=project.pk).latest("pk").public_id
    }
    place.secrets += [str(v) for spec in fake.applied.values() for v in spec.secrets.values()]
    return place


def _cluster(place: Place) -> None:
    """A region on Kubernetes that lacks some of everything."""
    token, key = crypto.new_password(), crypto.new_password()
    cluster = make_region("cluster", backend="kubernetes", name=f"Upper {NASTY}")
    raw = {"domain": "eu1.example.com", "issuer": "letsencrypt", "zones": "eu1-a, eu1-b"}
    raw |= {"backup_endpoint": "https://s3.example.com", "backup_bucket": "backups"}
    raw |= {"metrics_url": f"https://{'prometheus.' * 8}test:9090/select/0/prometheus"}
    cluster.settings = clusters.clean_settings(raw)
    kubeconfig = {
        "clusters": [{"name": "cluster", "cluster": {"server": f"https://{'k8s.' * 20}test:6443"}}],
        "users": [{"name": "user", "user": {"token": token}}],
        "current-context": NASTY,
    }
    keys = {"AWS_ACCESS_KEY_ID": key[:8], "AWS_SECRET_ACCESS_KEY": key}
    cluster.secrets = clusters.sealed(cluster, kubeconfig=kubeconfig, backup_keys=keys)
    cluster.facts = {"version": "v1.36.3", "storage_class": "", "served": _SERVED}
    cluster.facts |= {"metrics_api": "answers", "counters": "egress=0 invocations=1234"}
    cluster.unavailable = {
        "kafka": ("operator-missing", {"kinds": "Kafka (kafka.strimzi.io/v1), KafkaUser"}),
        "postgresql": ("setting-missing", {"settings": "external,backup_store"}),
        "redis": ("right-missing", {"rights": f"create {NASTY}"}),
    }
    cluster.save()
    place.secrets += [token, key]
    place.reals["console:staff-region"] = {"code": "cluster"}
    made, text = prober_keys.create_prober_key(actor=SYSTEM, region=cluster)
    place.secrets.append(text)
    place.reals["console:staff-prober-key-revoke"] = {"public_id": made.public_id}


def _services(place: Place, owner: Actor, south: Region, fake: FakeBackend) -> None:
    """Services in every phase, with operations in every state."""
    project, here = place.world["project"], place.world["region"]
    make_quota(project, here, instances=20, vcpu=40, storage_gib=2000, public_endpoints=12)

    def make(name: str, **fields: Any) -> Instance:
        return make_instance(project, here, name=name, actor=owner, **fields)

    tags = {"team": "webshop-and-payments", "environment": "production", "cost-centre": "4711"}
    make(LONG, plan="single-2x8", tags=tags)
    paused = make("queue", offering="nats", tags={"team": "a"})
    drive(actions.pause(actor=owner, instance=paused))
    binned = make("old-cache", offering="redis", protected=False)
    drive(actions.delete(actor=owner, instance=binned))
    growing = make("growing")
    ordering.change_order(actor=owner, instance=growing, plan="single-2x8")
    cancelled = order(project, here, name="not-wanted", actor=owner)
    drive(actions.cancel(actor=owner, operation=cancelled))
    order(project, south, name="being-made", actor=owner, offering="mariadb")
    fake.faults = [Permanent("engine-crashed", detail=f"FATAL: {NASTY} no space left on device")]
    failed = drive(order(project, here, name="broken", actor=owner))
    assert failed.state == "failed"
    down = make("silent", offering="kafka")
    _change_in_cluster(down)
    Instance.objects.filter(pk=down.pk).update(health="down", needs_attention=True)
    requests.request_quota(
        actor=owner, project=project, region=here, name="vcpu", limit=Decimal(80), reason=NASTY
    )
    view = save_view(actor=owner, project=project, name=NASTY[:40], query="phase=running")
    place.reals["console:view"] = {"view_id": view.public_id}


def _change_in_cluster(instance: Instance) -> None:
    """Two of its objects, by others."""
    fields = {"field": f"spec.{'nodes.' * 12}count", "wanted": 3, "stands": NASTY, "by": NASTY}
    for position, drift in enumerate(([fields], [])):
        Applied.objects.create(
            region=instance.region,
            instance=instance.public_id,
            position=position,
            kind="Kafka",
            name=f"{instance.public_id}-{position}",
            manifest={},
            drift=drift,
            drifted_at=clock.now(),
        )


def _access(place: Place, owner: Actor) -> None:
    """Members, invitations, tokens, service accounts."""
    project, organisation = place.world["project"], place.world["organisation"]
    soon = clock.now() + timedelta(days=3)
    far = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.example"
    make_member(project, Role.OPERATOR, user=make_user(far, name=NASTY), expires_at=soon)
    guest = invitations.invite(
        actor=owner, organisation=organisation, email="guest2@test.example", role=Role.VIEWER
    )
    invitations.invite(
        actor=owner,
        organisation=organisation,
        email=f"x{far}",
        role=Role.OPERATOR,
        project=project,
        member_expires_at=soon,
    )
    guest.digest = crypto.digest(LINK)
    guest.save()
    place.reals["console:invitation"] = {"public_id": guest.public_id, "secret": LINK}
    robot = tokens.create_service_account(
        actor=owner, organisation=organisation, name=NASTY, role=Role.OPERATOR
    )
    mine, text = tokens.create_token(actor=owner, name=NASTY, project=project, expires_at=soon)
    old = tokens.create_token(actor=owner, name="old pipeline", organisation=organisation)[0]
    tokens.revoke_token(actor=owner, token=old)
    theirs = tokens.create_token(actor=owner, name="deploy", service_account=robot)[1]
    place.secrets += [text, theirs, LINK, guest.digest]
    place.world |= {"token": mine, "service_account": robot, "invitation": guest}
    place.reals["account_reset_password_from_key"] = _reset(place.people[Role.VIEWER])


def _reset(person: User) -> dict[str, str]:
    return {
        "uidb36": user_pk_to_url_str(person),
        "key": default_token_generator.make_token(person),
    }


def _deliveries(place: Place, owner: Actor) -> None:
    """A webhook with a delivery that arrived and one that did not."""
    project = place.world["project"]
    url = f"https://hooks.example.eu/{'long/' * 30}?for=polder"
    hook, secret = webhooks.create_webhook(
        actor=owner, project=project, url=url, kinds=["operation.succeeded", "operation.failed"]
    )
    entries = OutboxEntry.objects.filter(project_id=project.pk)
    good, bad = entries.filter(kind__startswith="operation.")[:2]
    made = {"webhook": hook, "finished_at": clock.now(), "attempts": 1}
    Delivery.objects.create(entry=good, state="succeeded", status=204, duration_ms=81, **made)
    tries = [{"at": clock.now().isoformat(), "status": 500, "error": "http-status", "ms": 9}]
    Delivery.objects.create(
        entry=bad, state="failed", status=500, response_head=NASTY, tries=tries, **made
    )
    place.secrets.append(secret)
    place.world["webhook"] = hook


def _probed(place: Place) -> None:
    """An hour and some minutes of each of the first days of this month and the last were lost."""
    this = clock.now().date().replace(day=1)
    for month in (this, (this - timedelta(days=1)).replace(day=1)):
        for number in range(5):
            ProbeDay.objects.create(
                instance=place.world["instance"],
                day=month + timedelta(days=number),
                known=(1 << 1440) - 1,
                bad=((1 << 60 + number) - 1) << 400,
                latency=(150).to_bytes(2, "big") * 288,
            )


def _announcements(place: Place, south: Region) -> None:
    """Incidents open and over, planned work, notices."""
    now = clock.now()
    incident = status.open_incident(
        actor=SYSTEM,
        title=f"Slow disks {NASTY}",
        text=f"We look into it. {json.dumps(NASTY)}",
        impact="major",
        regions=[south.code],
        families=["databases"],
        started_at=now - timedelta(hours=2),
    )
    status.update_incident(actor=SYSTEM, incident=incident, text="Found.", state="identified")
    over = status.open_incident(
        actor=SYSTEM, title="Console slow", text="Looking.", started_at=now - timedelta(days=3)
    )
    status.resolve_incident(actor=SYSTEM, incident=over, text="Repaired.")
    planned = status.schedule_maintenance(
        actor=SYSTEM,
        title=f"New switches {NASTY}",
        text="Short interruptions.",
        starts_at=now + timedelta(days=1),
        ends_at=now + timedelta(days=1, hours=2),
    )
    place.reals["console:staff-incident"] = {"public_id": incident.public_id}
    place.reals["console:staff-work"] = {"public_id": planned.public_id}
    status.announce(actor=SYSTEM, text=f"Read this: {NASTY}", level="warn", dismissible=True)
