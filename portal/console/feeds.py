"""Incidents and planned work as RSS and Atom, for whoever wants to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed
from django.utils.translation import gettext as _

from portal.status import queries, texts

if TYPE_CHECKING:
    from portal.status.models import IncidentUpdate, Maintenance

    _Feed = Feed["Item", None]
else:
    _Feed = Feed

_MOST = 30
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: what was said, once."""

    title: str
    text: str
    url: str
    at: datetime
    guid: str


class StatusFeed(_Feed):
    """RSS 2.0; Atom below. No query parameters, no personal data."""

    feed_type: type[SyndicationFeed] = Rss201rev2Feed

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().__call__(request, *args, **kwargs)
        patch_cache_control(response, public=True, max_age=_SECONDS)
        return response

    def title(self) -> str:
        return _("Status of %(brand)s") % {"brand": settings.POLDER_PROVIDER_NAME}

    def description(self) -> str:
        return _("Incidents and planned work.")

    subtitle = description

    def link(self) -> str:
        return reverse("console:status")

    def items(self) -> Sequence[Item]:
        said = [_of_update(update) for update in queries.latest_updates(_MOST)]
        said += [_of_work(work) for work in queries.maintenances()[:_MOST]]
        return sorted(said, key=lambda item: item.at, reverse=True)[:_MOST]

    def item_title(self, item: Item) -> str:
        return item.title

    def item_description(self, item: Item) -> str:
        return item.text

    def item_link(self, item: Item) -> str:
        return item.url

    def item_pubdate(self, item: Item) -> datetime:
        return item.at

    def item_updateddate(self, item: Item) -> datetime:
        return item.at

    def item_guid(self, item: Item) -> str:
        return item.guid

    item_guid_is_permalink = False


class AtomStatusFeed(StatusFeed):
    feed_type = Atom1Feed


def _of_update(update: IncidentUpdate) -> Item:
    incident = update.incident
    state = texts.incident_state_label(update.state)
    return Item(
        title=f"{incident.title} · {state}",
        text=update.text,
        url=reverse("console:status-incident", args=[incident.public_id]),
        at=update.at,
        guid=f"{incident.public_id}/{update.at.isoformat()}",
    )


def _of_work(work: Maintenance) -> Item:
    span = {"start": texts.moment(work.starts_at), "end": texts.until(work.starts_at, work.until)}
    when = _("%(start)s to %(end)s.") % span
    title = _("Planned work: %(title)s") if work.cancelled_at is None else _("Cancelled: %(title)s")
    return Item(
        title=title % {"title": work.title},
        text=f"{when} {work.text}",
        url=f"{reverse('console:status')}#planned",
        at=work.updated_at,
        guid=f"{work.public_id}/{work.updated_at.isoformat()}",
    )
