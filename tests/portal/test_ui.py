"""The console's visual foundation: tokens, templates, components, error pages, first load."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import brotli
import html5lib
import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.staticfiles import finders
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test import Client, RequestFactory

from portal.accounts.models import User
from portal.conf.static import lean_css, lean_js
from portal.console.errors import ErrorPages, server_error
from portal.console.page import go
from portal.console.shell import ROOMS, Shell
from portal.kernel.errors import Conflict, NotFound
from scripts import build_assets

BASE = Path(settings.BASE)
CSS = (BASE / "static/app.css").read_text()
PUBLIC_CSS = "".join(
    (BASE / f"static/{name}.css").read_text() for name in ("public", "staff", "charts")
)
ADMIN_CSS = (BASE / "static/admin-theme.css").read_text()
TEMPLATES = sorted((BASE / "templates").rglob("*.html"))
COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b(?=\s*[;,)])|\b(?:rgba?|hsla?|hwb|oklch|oklab|lab|lch|color)\(|"
    r":\s*(?:white|black|red|green|blue|gr[ae]y|orange|yellow)\b",
    re.I,
)


@pytest.fixture(autouse=True)
def plain_static(settings: Any) -> None:
    """Unhashed names: no collectstatic before a unit test."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff@example.eu", "a-long-enough-password")


@pytest.fixture
def guide(staff: User, client: Client) -> str:
    client.force_login(staff)
    return client.get("/styleguide/").content.decode()


def strict(html: str) -> None:
    html5lib.HTMLParser(strict=True).parse(html.lstrip())


def without_comments(css: str) -> str:
    return re.sub(r"/\*.*?\*/", "", css, flags=re.S)


# -- style sheets ----------------------------------------------------------------------------------


def test_colours_stand_in_the_tokens_layer_only() -> None:
    start = CSS.index("@layer tokens {")
    end = CSS.index("\n}\n", start)
    assert not COLOUR.findall(without_comments(CSS[:start] + CSS[end:] + PUBLIC_CSS))
    assert len(COLOUR.findall(CSS[start:end])) > 60


def test_the_colour_finder_finds_colours() -> None:
    for text in ("a: #fff;", "a: rgb(1 2 3)", "color: oklch(1 0 0)", "color: white"):
        assert COLOUR.search(text)


def test_the_admin_theme_has_the_same_values() -> None:
    first, rest = ADMIN_CSS.split("\n}\n", 1)
    assert not COLOUR.findall(without_comments(rest))
    ours = dict(re.findall(r"--([a-z0-9-]+): (light-dark\(.*\));", CSS))
    admin = dict(re.findall(r"--p-([a-z0-9-]+): (light-dark\(.*\));", first))
    assert admin == {name: ours[name] for name in admin}
    assert len(admin) == 20


def test_one_declaration_a_line() -> None:
    for sheet in (CSS, PUBLIC_CSS, ADMIN_CSS):
        lines = without_comments(sheet).splitlines()
        assert not [line for line in lines if line.count(";") > 1 or re.search(r"[;{].*\}", line)]


def test_every_custom_property_in_use_is_defined() -> None:
    defined = set(re.findall(r"(--[a-z0-9-]+):", CSS + PUBLIC_CSS))
    assert not set(re.findall(r"var\((--[a-z0-9-]+)", CSS + PUBLIC_CSS)) - defined


def luminance(colour: str) -> float:
    """Of an oklch colour, as WCAG 2 counts it. Source: CSS Color 4, sample code for oklab."""
    lightness, chroma, hue = (float(part) for part in colour.split())
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    clipped = [min(1.0, max(0.0, part)) for part in (red, green, blue)]
    return 0.2126 * clipped[0] + 0.7152 * clipped[1] + 0.0722 * clipped[2]


PAIRS = [
    ("ink card 7, ink panel 7, ink-2 card 4.5, ink-2 bg 4.5, ink-3 card 4.5, ink-3 panel 4.5"),
    ("ink-3 bg 4.5, ink-3 hover 4.5, link card 4.5, link accent-soft 4.5, link hover 4.5"),
    ("on-accent accent 4.5, on-accent accent-h 4.5, on-bad bad 4.5, ink-2 accent-soft 4.5"),
    ("ok ok-soft 4.5, warn warn-soft 4.5, bad bad-soft 4.5, ok card 4.5, warn card 4.5"),
    ("bad card 4.5, ink warn-soft 4.5, ink bad-soft 4.5, ink ok-soft 4.5, ink accent-soft 4.5"),
    ("line-2 card 3, line-2 panel 3, focus card 3, focus bg 3, accent card 3, accent press 3"),
    ("ok-dot card 3, warn-dot card 3, bad-dot card 3, ok-dot ok-soft 3, bad-dot bad-soft 3"),
    ("c1 card 3, c2 card 3, c3 card 3, c4 card 3, c5 card 3, c6 card 3"),
    ("code-ink code-bg 7, code-ink-2 code-bg 4.5, panel ink 7"),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(theme: int) -> None:
    number = r"oklch\(([0-9. ]+)\)"
    found = re.findall(rf"--([a-z0-9-]+): light-dark\({number}, {number}\);", CSS)
    shades = {name: luminance(values[theme]) for name, *values in found}
    low = []
    for pair in ", ".join(PAIRS).split(", "):
        front, back, needed = pair.split()
        lighter, darker = sorted((shades[front], shades[back]), reverse=True)
        ratio = (lighter + 0.05) / (darker + 0.05)
        if ratio < float(needed):
            low.append(f"{pair}: {ratio:.2f}")
    assert not low


def test_the_font_ranges_are_those_of_the_files() -> None:
    ranges = dict(re.findall(r'fonts/([a-z-]+)\.woff2".*?unicode-range: ([^;]+);', CSS, flags=re.S))
    assert {k: v.replace(" ", "") for k, v in ranges.items()} == build_assets.RANGES
    assert all((BASE / f"static/fonts/{name}.woff2").exists() for name in ranges)


def test_the_sprite_holds_every_icon_in_use() -> None:
    sprite = (BASE / "static/sprite.svg").read_text()
    used = build_assets.icons_used() | {room.icon for room in ROOMS}
    missing = used - set(re.findall(r'<symbol id="([^"]+)"', sprite))
    assert not missing, f"run scripts/build_assets.py sprite: {missing}"


# -- templates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(BASE / "templates")))
def test_no_inline_style_or_script(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=(?!=)", text)
    assert not re.search(r"hx-on|js:|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    # A mail and a document that is kept stand alone: no policy, no style sheet to link to.
    alone = path.relative_to(BASE / "templates").as_posix() in (
        "mail/base.html",
        "billing/invoice.html",
    )
    assert alone or "<style" not in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(BASE / "templates")))
def test_every_template_compiles(path: Path) -> None:
    engines["django"].get_template(str(path.relative_to(BASE / "templates")))


def test_the_style_guide_is_valid(guide: str) -> None:
    strict(guide)
    assert guide.count('class="badge') >= 15
    ids = re.findall(r'\sid="([^"]+)"', guide)
    assert len(ids) == len(set(ids))


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["login", "signup", "password/reset", "password/reset/done"])
def test_sign_in_pages_are_valid(client: Client, name: str) -> None:
    response = client.get(f"/accounts/{name}/")
    assert response.status_code == 200
    strict(response.content.decode())


@pytest.mark.parametrize("name", ["email", "password/change", "logout", "reauthenticate"])
def test_account_pages_are_valid(staff: User, client: Client, name: str) -> None:
    client.force_login(staff)
    strict(client.get(f"/accounts/{name}/").content.decode())


def test_the_admin_has_our_theme(staff: User, client: Client) -> None:
    client.force_login(staff)
    html = client.get("/admin/").content.decode()
    assert "admin-theme.css" in html
    assert settings.POLDER_PROVIDER_NAME in html


def test_the_style_guide_is_for_staff(client: Client, db: None) -> None:
    assert client.get("/styleguide/").status_code == 302
    client.force_login(User.objects.create_user("member@example.eu", "a-long-enough-password"))
    response = client.get("/styleguide/")
    assert response.status_code == 403
    assert "style guide is for" in response.content.decode()


def test_first_load_is_small() -> None:
    def packed(name: str) -> int:
        text = Path(str(finders.find(name))).read_text()
        lean = {"app.css": lean_css, "app.js": lean_js}.get(name, str)
        return len(brotli.compress(lean(text).encode()))

    files = ("app.css", "app.js", "django_htmx/htmx-2.min.js", "sprite.svg", "favicon.svg")
    sizes = {name: packed(name) for name in files}
    font = (BASE / "static/fonts/inter-latin.woff2").stat().st_size
    assert sizes["app.css"] <= 10_500
    # What every page shares; tests/e2e/test_walk.py counts whole pages on the wire.
    assert sum(sizes.values()) + font <= 60_000


# -- shell -----------------------------------------------------------------------------------------


def request_to(path: str = "/", user: Any = None, **headers: str) -> HttpRequest:
    request = RequestFactory().get(path, headers=headers)
    request.user = user or AnonymousUser()
    request.session = {}  # type: ignore[assignment]  # as a fresh one
    request.id = "0123456789abcdef"  # type: ignore[attr-defined]
    return request


def test_the_nav_shows_rooms_that_exist_and_marks_the_current(staff: User) -> None:
    links = [
        link for _group, entries in Shell(request_to("/styleguide/", staff)).nav for link in entries
    ]
    assert [link.url for link in links if link.here] == ["/styleguide/"]
    assert "/admin/" in {link.url for link in links}
    anonymous = [link.url for _group, entries in Shell(request_to()).nav for link in entries]
    assert "/admin/" not in anonymous


@pytest.mark.parametrize(("chosen", "kept"), [("dark", "dark"), ("light", "light"), ("pink", "")])
def test_the_theme_is_kept_in_a_cookie(client: Client, chosen: str, kept: str) -> None:
    response = client.post("/theme/", {"theme": chosen}, headers={"Referer": "https://evil.eu/x"})
    assert (response.status_code, response["Location"]) == (303, "/")
    assert response.cookies["polder_theme"].value == kept


@pytest.mark.django_db
def test_the_cookie_is_rendered_on_the_page(client: Client) -> None:
    assert "data-theme" not in client.get("/accounts/login/").content.decode()
    client.cookies["polder_theme"] = "dark"
    assert (
        '<html lang="en-gb" data-theme="dark">' in client.get("/accounts/login/").content.decode()
    )
    client.cookies["polder_theme"] = '"><b>'
    assert "data-theme" not in client.get("/accounts/login/").content.decode()


def test_going_elsewhere_with_and_without_htmx() -> None:
    assert go(request_to(), "console:theme")["Location"] == "/theme/"
    answer = go(request_to(**{"HX-Request": "true"}), "console:theme")
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/theme/")


# -- error pages -----------------------------------------------------------------------------------


def raised(request: HttpRequest, error: Exception) -> HttpResponse:
    answer = ErrorPages(lambda _request: HttpResponse()).process_exception(request, error)
    assert answer is not None
    return answer


def test_an_error_says_what_happened_and_what_to_do() -> None:
    answer = raised(
        request_to(), NotFound("There is no service pg-1 here.", hint="See the list of services.")
    )
    html = answer.content.decode()
    strict(html)
    assert answer.status_code == 404
    assert "There is no service pg-1 here." in html
    assert "See the list of services." in html
    assert "0123456789abcdef" in html


def test_an_error_for_htmx_leaves_the_page_as_it_is() -> None:
    answer = raised(request_to(**{"HX-Request": "true"}), Conflict("Busy — résumé.", hint="Wait."))
    assert answer.status_code == 409
    assert answer["HX-Reswap"] == "none"
    assert json.loads(answer["HX-Trigger"]) == {"toast": "Busy — résumé. Wait."}


@pytest.mark.parametrize("outside_a_view", [False, True])
def test_a_database_that_is_away_needs_no_query_to_say_so(outside_a_view: bool) -> None:
    # No database mark: a query would fail this test.
    request = request_to("/services/?q=a")
    try:
        raise OperationalError("connection refused")
    except OperationalError as error:
        answer = server_error(request) if outside_a_view else raised(request, error)
    html = answer.content.decode()
    strict(html)
    assert answer.status_code == 503
    assert "Your services keep running." in html
    assert 'href="/services/?q=a"' in html
    assert "connection refused" not in html


def test_the_api_answers_for_itself() -> None:
    pages = ErrorPages(lambda _request: HttpResponse())
    assert pages.process_exception(request_to("/api/v1/instances/"), NotFound("x")) is None


def test_an_unknown_address_is_a_page_in_the_shell(staff: User, client: Client) -> None:
    client.force_login(staff)
    response = client.get("/no-such-page/")
    assert response.status_code == 404
    strict(response.content.decode())
    assert 'id="nav"' in response.content.decode()


def test_a_form_from_elsewhere_is_refused_with_a_page(db: None) -> None:
    response = Client(enforce_csrf_checks=True).post("/scope/", {"project": "shop"})
    assert response.status_code == 403
    assert "out of date" in response.content.decode()
