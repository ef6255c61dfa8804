"""The pages of a project's webhooks."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.console.settings import frame
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.notifications import delivering, kinds, targets, webhooks
from portal.tenancy import access
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from portal.notifications.models import Delivery, Webhook
    from portal.tenancy.models import Project

_PER_PAGE = 25
_SOON = timedelta(minutes=2)

# Error of a delivery → what it means.
_ERRORS = {
    "status": gettext_noop("It answered, but not with a status from 200 to 299."),
    "redirect": gettext_noop("It answered with a redirect, which is not followed."),
    "timeout": gettext_noop("It did not take the connection in 3 seconds, or answer in 10."),
    "connect": gettext_noop("Nothing listens there, or it hung up."),
    "tls": gettext_noop("Its certificate is not valid for this name."),
    "protocol": gettext_noop("What answered does not speak HTTP."),
    "no-address": gettext_noop("The name has no address."),
    "refused": gettext_noop("The address lies in a private network, where webhooks may not go."),
    "disabled": gettext_noop("The webhook was switched off before it was sent."),
}


def listing(actor: Actor, project: Project) -> dict[str, Any]:
    """Context of console/webhooks.html. Raises: NotPermitted."""
    access.require(actor, project, Permission.PROJECT_UPDATE)
    rows = list(webhooks.webhooks_for(actor, project=project.slug))
    return frame(actor, project, "webhooks") | {
        "rows": [{"webhook": row, "host": targets.host_of(row.url)} for row in rows],
        "full": len(rows) >= webhooks.MOST_WEBHOOKS,
        "most": webhooks.MOST_WEBHOOKS,
    }


def form(
    project: Project,
    typed: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/webhook_new.html."""
    typed = typed or {"url": "", "kinds": ["operation.failed", "service.down", "service.up"]}
    return {
        "project": project,
        "typed": typed,
        "errors": errors or {},
        "events": _events(typed["kinds"]),
    }


def _events(chosen: Collection[str]) -> list[dict[str, Any]]:
    return [
        {"code": kind.code, "label": _LABELS.get(kind.code, ""), "on": kind.code in chosen}
        for kind in kinds.for_webhooks()
    ]


_LABELS = {
    "operation.succeeded": gettext_noop("An operation ended well"),
    "operation.failed": gettext_noop("An operation failed"),
    "operation.cancelled": gettext_noop("An operation was cancelled"),
    "service.down": gettext_noop("A service went down"),
    "service.up": gettext_noop("A service is up again"),
    "budget.actual": gettext_noop("A threshold of a budget was reached"),
    "budget.forecast": gettext_noop("A budget is expected to be used up"),
    "budget.paused": gettext_noop("A budget has paused services"),
    "order.awaiting": gettext_noop("An order waits for approval"),
    "order.approved": gettext_noop("An order was approved"),
    "order.refused": gettext_noop("An order was refused"),
}


def one(
    webhook: Webhook,
    asked: Mapping[str, str],
    *,
    typed: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    secret: str = "",
) -> dict[str, Any]:
    """Context of console/webhook.html. `asked`: page. `secret` is shown once."""
    typed = typed or {"url": webhook.url, "kinds": webhook.kinds}
    rows = Paginator(webhooks.deliveries_of(webhook), _PER_PAGE).get_page(asked.get("page"))
    lines = [line(row) for row in rows]
    overlap = webhook.previous_until
    return form(webhook.project, typed, errors) | {
        "webhook": webhook,
        "host": targets.host_of(webhook.url),
        "secret": secret,
        "overlap": overlap if overlap and overlap > clock.now() else None,
        "found": rows,
        "lines": lines,
        "waiting": webhook.active and any(line["soon"] for line in lines),
    }


def line(delivery: Delivery) -> dict[str, Any]:
    """A delivery as a row of the log."""
    due = delivery.next_attempt_at
    return {
        "delivery": delivery,
        "error": _(_ERRORS[delivery.error]) if delivery.error in _ERRORS else delivery.error,
        "soon": due is not None and due < clock.now() + _SOON,
        "attempts": len(delivery.tries),
    }


def delivery(webhook: Webhook, row: Delivery) -> dict[str, Any]:
    """Context of console/delivery.html."""
    body = json.loads(delivering.body_of(row.entry))
    return {
        "project": webhook.project,
        "webhook": webhook,
        "host": targets.host_of(webhook.url),
        "line": line(row),
        "delivery": row,
        "tries": [
            {
                **one,
                "number": number,
                "at": datetime.fromisoformat(one["at"]),
                "text": _(_ERRORS[one["error"]]) if one["error"] in _ERRORS else one["error"],
            }
            for number, one in enumerate(row.tries, 1)
        ],
        "most": delivering.MOST_ATTEMPTS,
        "request_id": delivering.request_name(row),
        "sent": json.dumps(body, indent=2, ensure_ascii=False),
    }
