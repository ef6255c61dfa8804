"""What staff typed, checked: each function returns its messages by field, none when all is well."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from portal.kernel.errors import Invalid
from portal.status.models import Announcement
from services.regions import queries as regions
from services.spec import Family

_LONGEST_TITLE = 120
_LONGEST_NOTICE = 280

Faults = dict[str, str]


def words(title: str, text: str) -> Faults:
    found: Faults = {}
    if not title.strip():
        found["title"] = _("Say in a few words what happens.")
    elif len(title) > _LONGEST_TITLE:
        found["title"] = _("At most %(most)d characters.") % {"most": _LONGEST_TITLE}
    return found | body(text)


def body(text: str) -> Faults:
    return {} if text.strip() else {"text": _("Say what is known and what you do about it.")}


def notice(text: str) -> Faults:
    if not text.strip():
        return {"text": _("Say what the reader should know.")}
    if len(text) > _LONGEST_NOTICE:
        return {"text": _("At most %(most)d characters.") % {"most": _LONGEST_NOTICE}}
    return {}


def one_of(field: str, value: str, choices: Iterable[str]) -> Faults:
    known = list(choices)
    if value in known:
        return {}
    return {field: _("Choose one of: %(choices)s.") % {"choices": ", ".join(known)}}


def places(region_codes: Iterable[str], families: Iterable[str]) -> Faults:
    """Regions that are shown and families of the catalogue; none at all means everywhere."""
    known = {region.code for region in regions.regions()}
    found: Faults = {}
    if strange := sorted(set(region_codes) - known):
        found["regions"] = _("There is no region “%(code)s”.") % {"code": strange[0]}
    if strange := sorted(set(families) - set(Family)):
        found["families"] = _("There is no family “%(name)s”.") % {"name": strange[0]}
    return found


def listeners(audience: str, region: str, organisation: object | None) -> Faults:
    """An announcement names whom it is for, and nobody else."""
    found: Faults = {}
    if audience == Announcement.Audience.REGION:
        unknown = places([region], ()).get("regions", "") if region else _("Choose the region.")
        found |= {"region": unknown} if unknown else {}
    elif region:
        found["region"] = _("Leave the region out, or make the announcement for a region.")
    if audience == Announcement.Audience.ORGANISATION and organisation is None:
        found["organisation"] = _("Choose the organisation.")
    elif audience != Announcement.Audience.ORGANISATION and organisation is not None:
        found["organisation"] = _("Leave the organisation out, or make it for an organisation.")
    return found


def span(starts_at: datetime, ends_at: datetime | None, now: datetime) -> Faults:
    if ends_at is None:
        return {}
    if ends_at <= starts_at:
        return {"ends_at": _("The end must be after the start.")}
    return {"ends_at": _("This time has passed.")} if ends_at <= now else {}


def link(address: str) -> Faults:
    """Empty, a page of ours (`/status/`), or an address of the web."""
    if not address:
        return {}
    parts = urlsplit(address)
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc
    if ours or (parts.scheme in ("http", "https") and parts.netloc):
        return {}
    return {"link": _("Write a path such as /status/, or a whole address with https://.")}


def refuse(found: Faults) -> None:
    """Raises: Invalid when there is any."""
    if found:
        raise Invalid(found)
