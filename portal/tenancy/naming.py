"""Names, slugs, countries and tags of organisations and projects: what is allowed, and why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.audit.actions import PROVIDER
from portal.kernel import ids
from portal.tenancy.models import Organisation, Project

_SLUG = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_COUNTRY = re.compile(r"[A-Z]{2}")
_TAG = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
_MOST_TAGS = 20
_MOST_MADE = 30  # leaves room for a suffix
# A slug names the audit chain of its organisation; the provider's own chain must stay its own.
_RESERVED = frozenset({PROVIDER, "new"})


def name_faults(name: str) -> dict[str, str]:
    if not name.strip() or len(name) > 120 or "\0" in name:
        return {"name": _("Give a name of at most 120 characters.")}
    return {}


def country_faults(country: str) -> dict[str, str]:
    if country and not _COUNTRY.fullmatch(country):
        return {"country": _("Give the two letters of a country, as in NL.")}
    return {}


def tag_faults(tags: Mapping[str, Any]) -> dict[str, str]:
    if len(tags) > _MOST_TAGS:
        return {"tags": _("A project holds at most %(most)s tags.") % {"most": _MOST_TAGS}}
    for key, value in tags.items():
        if not _TAG.fullmatch(key):
            return {
                "tags": _("“%(key)s” is no tag name: use lower-case letters, digits, _ . -")
                % {"key": key}
            }
        if not isinstance(value, str) or len(value) > 80 or "\0" in value:
            return {
                "tags": _("The value of “%(key)s” must be a text of at most 80 characters.")
                % {"key": key}
            }
    return {}


def slug_faults(slug: str, model: type[Organisation] | type[Project]) -> dict[str, str]:
    """Faults of a slug that somebody asks for."""
    if not _SLUG.fullmatch(slug):
        return {
            "slug": _(
                "Use 2 to 40 lower-case letters, digits and dashes, with a letter first and no "
                "dash at the end."
            )
        }
    if _taken(slug, model):
        return {"slug": _("“%(slug)s” is already in use.") % {"slug": slug}}
    return {}


def slug_from(name: str, model: type[Organisation] | type[Project]) -> str:
    """A free slug made from a name, with a suffix when the plain one is taken."""
    made = slugify(name).replace("_", "-")[:_MOST_MADE].strip("-") or "space"
    made = made if made[0].isalpha() else f"p-{made}"
    if len(made) < 2 or _taken(made, model):
        made = f"{made}-{ids.readable_suffix()}"
    return made


def _taken(slug: str, model: type[Organisation] | type[Project]) -> bool:
    return slug in _RESERVED or model._default_manager.filter(slug=slug).exists()
