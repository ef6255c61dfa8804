"""Webhooks that are made, and what they are told."""

import re
from pathlib import Path

from django.db import transaction

from portal.notifications import fanout
from portal.outbox.actions import notify
from tests.makers import make_webhook

DOCS = (Path(__file__).parents[3] / "docs/webhooks.md").read_text()
SECRET = "polder_wh_0123456789012345678901234567890123456789"


def make_hook(project, url, **fields):
    return make_webhook(project, url, SECRET, **fields)


def tell(project, kind="service.down"):
    with transaction.atomic():
        entry = notify(
            kind,
            organisation_id=project.organisation_id,
            project_id=project.pk,
            target="pg-1",
            params={"instance": "pg-1", "name": "orders-db"},
        )
    fanout.fan_out(entry.pk)
    return entry


def documented_check():
    """The function that docs/webhooks.md tells receivers to use."""
    source = re.search(r"```python\n(.*?)```", DOCS, re.S)
    space: dict = {}
    exec(source.group(1), space)  # noqa: S102  # our own page
    return space["is_from_polder"]
