"""Versions in their lives: how long they get fixes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.kernel import clock
from services.spec import Version


@dataclass(frozen=True, slots=True)
class Release:
    """A version and where it is in its life: `tone` is ok, warn or bad."""

    version: Version
    word: str
    tone: str
    left: str


def release(version: Version) -> Release:
    words = {
        "supported": (_("Supported"), "ok"),
        "deprecated": (_("Deprecated: choose a newer one for new services"), "warn"),
        "end_of_life": (_("Upstream has ended it"), "bad"),
    }
    word, tone = words[version.status]
    left = ""
    if version.ends_on:
        days = (version.ends_on - clock.now().date()).days
        if days > 60:
            left = _("%(n)s months of fixes left") % {"n": days // 30}
        elif days > 0:
            left = ngettext("%(n)s day of fixes left", "%(n)s days of fixes left", days) % {
                "n": days
            }
        else:
            left, tone = _("no more fixes"), "bad"
    return Release(version, word, tone, left)
