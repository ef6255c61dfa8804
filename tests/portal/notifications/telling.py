"""Something happens, and everybody who should hears of it."""

from django.db import transaction

from portal.notifications import fanout, queries
from portal.outbox.actions import notify
from portal.outbox.models import OutboxEntry
from tests.makers import actor_for


def tell(project, kind="service.down", **fields):
    params = fields.pop("params", {"name": "orders-db", "code": None})
    with transaction.atomic():
        return notify(
            kind,
            organisation_id=project.organisation_id,
            project_id=project.pk,
            target=fields.pop("target", "pg-1"),
            params=params,
            **fields,
        )


def fan_out_all():
    for pk in OutboxEntry.objects.filter(done_at=None).values_list("pk", flat=True):
        fanout.fan_out(pk)


def heard(user):
    rows = queries.notifications_for(actor_for(user))
    return [(row.entry.kind, queries.words_of(row.entry).title) for row in rows]
