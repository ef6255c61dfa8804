"""What somebody typed and sent when they first had to sign in or to confirm who they are.

It is kept in their session on the server for a quarter of an hour, so that they find it again and
send it with one click. Fields whose names sound like a secret are never kept, nor are files.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from portal.audit.masking import is_secret
from portal.console.page import own_page

_KEY = "kept_forms"
_MOST_FORMS = 3
_MOST_BYTES = 32_000
_SECONDS = 900


_AS_WORDS = str.maketrans("_-", "  ")


@dataclass(frozen=True, slots=True)
class Row:
    """One field that was kept; `long` is more than a line."""

    label: str
    name: str
    value: str
    long: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """`fields` as they were sent, `path` where to, `back` the page that the form stood on.

    `left_out`: names of fields that were not kept.
    """

    path: str
    back: str
    fields: list[tuple[str, str]]
    left_out: list[str]

    @property
    def rows(self) -> list[Row]:
        """What the reader sees; a label is made of the name, for want of more."""
        return [
            Row(name.removeprefix("p-").translate(_AS_WORDS), name, value, "\n" in value)
            for name, value in self.fields
        ]


def keep(request: HttpRequest) -> str:
    """Keeps what `request` sends; returns the address where it is found again, or that of the
    form's page when it is too much to keep."""
    sent = request.POST
    names = [name for name in sent if name != "csrfmiddlewaretoken"]
    left_out = [name for name in names if is_secret(name)] + list(request.FILES)
    fields = [(n, value) for n in names if n not in left_out for value in sent.getlist(n)]
    if sum(len(name) + len(value) for name, value in fields) > _MOST_BYTES:
        return _page_of_form(request)
    forms: dict[str, Any] = request.session.get(_KEY, {})
    token = secrets.token_urlsafe(12)
    if not request.user.is_authenticated:
        request.session.set_expiry(_SECONDS)  # signing in makes it last
    forms[token] = {
        "path": request.get_full_path(),
        "back": _page_of_form(request),
        "fields": fields,
        "left_out": left_out,
        "at": time.time(),
    }
    request.session[_KEY] = dict(list(forms.items())[-_MOST_FORMS:])
    return reverse("console:resume", args=[token])


def kept(request: HttpRequest, token: str) -> Kept | None:
    """None once it is older than a quarter of an hour, or another session's."""
    found = request.session.get(_KEY, {}).get(token)
    if found is None or time.time() - found["at"] > _SECONDS:
        return None
    fields = [(name, value) for name, value in found["fields"]]
    return Kept(found["path"], found["back"], fields, found["left_out"])


def _page_of_form(request: HttpRequest) -> str:
    given = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    return own_page(request, given)
