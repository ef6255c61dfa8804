"""What every page of the console shows around its own content.

Everything is computed when the base template asks for it, so a fragment pays for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.accounts import second_factor
from portal.accounts.actors import actor_of
from portal.accounts.impersonation import looking_of
from portal.accounts.social import any_provider
from portal.console.account_tabs import tabs
from portal.console.page import url_or_nothing
from portal.console.scope import current_project, projects_of
from portal.notifications import queries
from portal.status.strip import Notice, Strip, notices_for, strip_of
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission

THEME_COOKIE = f"{settings.POLDER_COOKIE_PREFIX}theme"
AWAY_COOKIE = f"{settings.POLDER_COOKIE_PREFIX}away"
_MOST_AWAY = 20
_ID = re.compile(r"[a-z]{3}-[0-9a-f]{8}")
THEMES = ("light", "dark")
KEYS_COOKIE = f"{settings.POLDER_COOKIE_PREFIX}keys"

_P = Permission


@dataclass(frozen=True, slots=True)
class Room:
    """An entry of the side bar. It is shown once its URL exists, so the bar grows by itself.

    `public`: also for whoever is not signed in. `permission`: only for those who hold it in the
    project at hand. `key`: goes there when pressed after g.
    """

    group: Promise | str
    url_name: str
    label: Promise
    icon: str
    staff: bool = False
    public: bool = False
    permission: Permission | None = None
    key: str = ""


ROOMS = (
    Room("", "console:overview", _("Overview"), "layout-dashboard", key="h"),
    Room("", "console:services", _("Services"), "layers", permission=_P.INSTANCE_VIEW, key="s"),
    Room("", "console:catalogue", _("Catalogue"), "layout-grid", public=True, key="c"),
    Room(
        "",
        "console:operations",
        _("Operations"),
        "activity",
        permission=_P.OPERATION_VIEW,
        key="o",
    ),
    Room("", "console:notifications", _("Notifications"), "bell"),
    Room(
        _("Money"),
        "console:costs",
        _("Costs"),
        "chart-column-stacked",
        permission=_P.COST_VIEW,
    ),
    Room(_("Money"), "console:budgets", _("Budgets"), "gauge", permission=_P.COST_VIEW),
    Room(
        _("Money"),
        "console:commitments",
        _("Reservations"),
        "calendar-clock",
        permission=_P.COST_VIEW,
    ),
    Room(_("Money"), "console:advice", _("Advice"), "lightbulb", permission=_P.COST_VIEW),
    Room(_("Money"), "console:credits", _("Credits"), "ticket-percent", permission=_P.COST_VIEW),
    Room(_("Money"), "console:exports", _("Exports"), "download", permission=_P.COST_VIEW),
    Room(
        _("Money"),
        "console:invoices",
        _("Invoices"),
        "receipt-euro",
        permission=_P.INVOICE_VIEW,
    ),
    Room(_("Money"), "console:prices", _("Prices"), "wallet", public=True),
    Room(_("Access"), "console:members", _("Members"), "users", permission=_P.MEMBER_VIEW),
    Room(_("Access"), "console:tokens", _("API tokens"), "key-round", permission=_P.PROJECT_VIEW),
    Room(_("Access"), "console:audit", _("Audit log"), "scroll-text", permission=_P.AUDIT_VIEW),
    Room(_("Access"), "console:organisations", _("Organisations"), "building-2"),
    Room(_("Access"), "console:settings", _("Settings"), "settings", permission=_P.PROJECT_VIEW),
    Room(_("Help"), "console:sla", _("Promises kept"), "circle-check", permission=_P.COST_VIEW),
    Room(_("Help"), "console:status", _("Status"), "shield-check", public=True),
    Room(_("Help"), "api-docs", _("API reference"), "code", public=True),
    Room(_("Provider"), "console:staff", _("Staff home"), "house", staff=True),
    Room(
        _("Provider"), "console:staff-organisations", _("Organisations"), "building-2", staff=True
    ),
    Room(_("Provider"), "console:staff-operations", _("Stuck operations"), "hourglass", staff=True),
    Room(_("Provider"), "console:staff-regions", _("Regions"), "server", staff=True),
    Room(_("Provider"), "console:staff-drift", _("Changes by others"), "wrench", staff=True),
    Room(_("Provider"), "console:staff-engines", _("Engines"), "boxes", staff=True),
    Room(_("Provider"), "console:staff-requests", _("Quota requests"), "gauge", staff=True),
    Room(
        _("Provider"), "console:staff-invoice-runs", _("Invoice runs"), "receipt-euro", staff=True
    ),
    Room(_("Provider"), "console:staff-payments", _("Payments"), "wallet", staff=True),
    Room(_("Provider"), "console:staff-revenue", _("Revenue"), "chart-column-stacked", staff=True),
    Room(_("Provider"), "console:staff-prices", _("Price changes"), "wallet", staff=True),
    Room(_("Provider"), "console:staff-spot", _("Spare capacity"), "ticket-percent", staff=True),
    Room(_("Provider"), "console:staff-exports", _("Exports"), "download", staff=True),
    Room(_("Provider"), "console:staff-usage", _("Usage"), "gauge", staff=True),
    Room(_("Provider"), "console:staff-vouchers", _("Vouchers"), "ticket-percent", staff=True),
    Room(_("Provider"), "console:staff-billing", _("Legal identity"), "receipt-euro", staff=True),
    Room(_("Provider"), "console:staff-announcements", _("Announcements"), "megaphone", staff=True),
    Room(_("Provider"), "console:staff-incidents", _("Incidents"), "siren", staff=True),
    Room(_("Provider"), "admin:index", _("Back office"), "sliders-horizontal", staff=True),
    Room(_("Provider"), "console:styleguide", _("Style guide"), "palette", staff=True),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A room with its address."""

    room: Room
    url: str
    here: bool


class Shell:
    """Read by templates/base.html as `shell`."""

    product = "Polder"

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def brand(self) -> str:
        return str(settings.POLDER_PROVIDER_NAME)

    @property
    def passkeys(self) -> bool:
        """Whether browsers give passkeys to this address."""
        return second_factor.passkeys_work_here()

    @property
    def elsewhere(self) -> bool:
        """Whether people may sign in by an account elsewhere."""
        return any_provider()

    @property
    def account_tabs(self) -> tuple[list[tuple[str, str, str]], str]:
        """Tabs of the account's pages, which django-allauth serves in part, and the current one."""
        return tabs(self._request.path)

    @property
    def languages(self) -> list[tuple[str, str]]:
        """Codes and names, each in its own language."""
        return list(settings.LANGUAGES)

    @property
    def home(self) -> str:
        return reverse("console:overview" if self.signed_in else "console:catalogue")

    @property
    def canonical(self) -> str:
        """The one address of the page, without what it was asked for."""
        return f"{settings.POLDER_URL}{self._request.path}"

    @property
    def legal(self) -> list[tuple[Promise, str]]:
        """Pages of the provider that the law asks for, where it has named them."""
        pages = (
            (_("Imprint"), settings.POLDER_IMPRINT_URL),
            (_("Privacy"), settings.POLDER_PRIVACY_URL),
        )
        return [(text, url) for text, url in pages if url]

    @property
    def palette(self) -> str:
        """Where the command palette reads its list; empty for whoever has nothing to go to."""
        return url_or_nothing("console:go") if self.signed_in else ""

    @property
    def sign_in(self) -> str:
        """To the sign-in page and back here."""
        here = urlencode({"next": self._request.get_full_path()})
        return f"{resolve_url(settings.LOGIN_URL)}?{here}"

    @property
    def sign_up(self) -> str:
        """Empty where nobody may sign up by themselves."""
        return url_or_nothing("account_signup") if settings.POLDER_SIGNUP == "open" else ""

    @property
    def signed_in(self) -> bool:
        user = getattr(self._request, "user", None)
        return user is not None and user.is_authenticated

    @property
    def reader(self) -> str:
        """Tells readers of one browser apart without naming them; empty for visitors."""
        return reader_of(self._request) if self.signed_in else ""

    @cached_property
    def projects(self) -> list[Project]:
        return projects_of(actor_of(self._request)) if self.signed_in else []

    @cached_property
    def project(self) -> Project | None:
        """The project at hand. A view of something in another project may set `request.project`."""
        given = getattr(self._request, "project", None)
        if isinstance(given, Project):
            return given
        if not self.signed_in:
            return None
        return current_project(self._request, actor_of(self._request))

    @property
    def notices(self) -> list[Notice]:
        """What the provider says to the reader, the most urgent first."""
        project = self.project
        return notices_for(
            organisation_id=project.organisation_id if project else None,
            project_id=project.pk if project else None,
        )

    @property
    def strip(self) -> Strip | None:
        """The notice at the top of the page."""
        return strip_of(self.notices, put_away(self._request))

    @cached_property
    def unread(self) -> int:
        """Notifications that the reader has not seen. One small query."""
        return queries.unread_count(actor_of(self._request)) if self.signed_in else 0

    @cached_property
    def held(self) -> frozenset[Permission]:
        """What the reader may do in the project at hand."""
        if not self.signed_in or self.project is None:
            return frozenset()
        return access.permissions_in(actor_of(self._request), self.project)

    @property
    def may_create_project(self) -> bool:
        return Permission.PROJECT_CREATE in self.held

    @cached_property
    def nav(self) -> list[tuple[str, list[Link]]]:
        """Groups of links; the room whose address is the longest start of the page's is current."""
        staff = self.signed_in and bool(getattr(self._request.user, "is_staff", False))
        found = [
            (room, url)
            for room in ROOMS
            if (staff or not room.staff)
            and (self.signed_in or room.public)
            and (room.permission is None or room.permission in self.held)
            and (url := url_or_nothing(room.url_name))
        ]
        path = self._request.path
        fitting = [url for _room, url in found if _leads_to(url, path)]
        current = max(fitting, key=len, default="")
        links = [Link(room, url, url == current) for room, url in found]
        groups = groupby(links, key=lambda link: str(link.room.group))
        return [(name, list(entries)) for name, entries in groups]


def _leads_to(url: str, path: str) -> bool:
    return path == url if url == "/" else path.startswith(url)


def reader_of(request: HttpRequest) -> str:
    return salted_hmac("portal.console.reader", str(request.user.pk)).hexdigest()[:16]


def theme_of(request: HttpRequest) -> str:
    """`light`, `dark`, or empty for what the system says."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def put_away(request: HttpRequest) -> list[str]:
    """Ids of the notices that this browser does not want to see again."""
    ids = request.COOKIES.get(AWAY_COOKIE, "").split(".")
    return [found for found in ids if _ID.fullmatch(found)][-_MOST_AWAY:]


def keys_on(request: HttpRequest) -> bool:
    """Whether keys of a single character act (WCAG 2.1.4: they can be switched off)."""
    return request.COOKIES.get(KEYS_COOKIE) != "off"


def shell(request: HttpRequest) -> dict[str, object]:
    """Context processor."""
    return {
        "shell": Shell(request),
        "looking": looking_of(request),
        "theme": theme_of(request),
        "keys_on": keys_on(request),
    }
