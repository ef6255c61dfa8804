"""What one operation of the API takes and answers, as data.

The same value is enforced by `portal.api.base`, written into the OpenAPI document by
`portal.api.schema` and shown at /api/docs/: they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

Method = TypeVar("Method", bound=Callable[..., Any])
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter. `name` is a public name, `moment` an RFC 3339 time; `minimum` and
    `maximum` bound an integer, or the length of a text.
    """

    name: str
    help: str
    kind: Literal["name", "text", "integer", "boolean", "moment"] = "name"
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 2**31 - 1


ORGANISATION = Query(
    "organisation",
    gettext_noop("Slug of the organisation. Needed by whoever is in more than one."),
)
PROJECT = Query("project", "Slug of a project: only what belongs to it.")
CURSOR = Query(
    "cursor",
    gettext_noop("Where the page begins: taken from `next` or `previous`, never made up."),
    "text",
    maximum=600,
)
PAGE_SIZE = Query(
    "page_size", gettext_noop("How many, 50 when left out."), "integer", minimum=1, maximum=200
)
DRY_RUN = Query(
    "dry_run", gettext_noop("`true` says what would happen, and writes nothing."), "boolean"
)


@dataclass(frozen=True, slots=True)
class Contract:
    """`answers` maps a status to the name of a component, or to nothing for an empty body.

    `orders` names what a list can be ordered by, the default first. `versioned` answers carry an
    `ETag`; `guarded` operations honour `If-Match`; those that are `once` an `Idempotency-Key`.
    """

    summary: str
    answers: Mapping[int, str]
    description: str = ""
    permission: Permission | None = None
    public: bool = False
    query: tuple[Query, ...] = ()
    body: Json | None = None
    listing: bool = False
    orders: tuple[str, ...] = ()
    once: bool = False
    guarded: bool = False
    versioned: bool = False
    dry_run: bool = False

    @property
    def parameters(self) -> tuple[Query, ...]:
        """All query parameters: its own and those that its kind brings."""
        more: tuple[Query, ...] = ()
        if self.listing:
            more += (CURSOR, PAGE_SIZE)
        if self.orders:
            choices = tuple(f"{sign}{name}" for name in self.orders for sign in ("", "-"))
            more += (
                Query("ordering", gettext_noop("A leading `-` turns it round."), choices=choices),
            )
        if self.dry_run:
            more += (DRY_RUN,)
        return self.query + more


def contract(summary: str, answers: Mapping[int, str], **terms: Any) -> Callable[[Method], Method]:
    """Puts a `Contract` on a method of a view."""

    def attach(method: Method) -> Method:
        method.contract = Contract(summary, answers, **terms)  # type: ignore[attr-defined]
        return method

    return attach


def contract_of(view: object, method: str) -> Contract | None:
    """That of the handler for an HTTP method; None when there is none."""
    found = getattr(getattr(view, method.lower(), None), "contract", None)
    return found if isinstance(found, Contract) else None
