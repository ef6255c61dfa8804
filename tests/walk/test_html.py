"""What holds for every page: each is opened once for each reader, then looked at from all sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element

import html5lib
import pytest

from tests.walk.furnish import NASTY
from tests.walk.pages import Visit, pages
from tests.walk.tour import Tour, match, none

pytestmark = pytest.mark.django_db  # a database for the fixture `tour`
MOST_COLUMNS = 6
FOCUSABLE = ("a", "button", "summary")
Document = tuple[Visit, Element]


@pytest.fixture(scope="module")
def visits(tour: Tour) -> list[Visit]:
    return tour.visits


@pytest.fixture(scope="module")
def documents(tour: Tour) -> list[Document]:
    return tour.documents


def faults(
    documents: list[Document], check: Callable[[Element], Iterator[str] | list[str]]
) -> list[str]:
    return [f"{seen}: {fault}" for seen, root in documents for fault in check(root)]


def but_the_guide(documents: list[Document]) -> list[Document]:
    """The style guide shows what is for show: many buttons, links to nowhere."""
    return [(seen, root) for seen, root in documents if "styleguide" not in seen.url]


def words(element: Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def title_of(root: Element) -> str:
    return " ".join(words(one) for one in root.findall("head/title"))


def ids(root: Element) -> list[str]:
    return [one.attrib["id"] for one in root.iter() if "id" in one.attrib]


# -- who gets what ---------------------------------------------------------------------------------


def test_every_page_opens_for_somebody(visits):
    got = defaultdict(set)
    for seen in visits:
        got[str(seen.page)].add(seen.response.status_code)
    got.pop("socialaccount_login_error")  # the page of a failed sign-in elsewhere is one of 401
    assert {page: codes for page, codes in got.items() if not codes & {200, 204, 302, 303}} == {}
    assert len(got) > 40


def test_no_page_breaks(visits):
    assert [str(seen) for seen in visits if seen.response.status_code >= 500] == []


def test_the_names_are_nasty_and_come_out_as_text(visits, documents):
    assert [str(seen) for seen in visits if NASTY[:8] in seen.html and not seen.is_download] == []
    assert sum("&lt;b&gt;&quot;Dike" in seen.html for seen, _ in documents) > 20


def test_no_page_shows_a_secret_unasked(tour):
    told = [
        str(seen)
        for seen in tour.visits
        for secret in tour.secrets
        if secret.encode() in seen.content and secret not in seen.url
    ]
    none(told)
    assert len(tour.secrets) > 10


# -- markup ----------------------------------------------------------------------------------------


def test_valid(tour):
    none([f"{seen}: {fault}" for seen, _root, wrong in tour.parsed for fault in wrong])


def test_nothing_inline(documents):
    def inline(root: Element) -> Iterator[str]:
        for one in root.iter():
            yield from (
                f"{name}={value}"
                for name, value in one.attrib.items()
                if name == "style"
                or name.startswith(("on", "hx-on"))
                or value.strip().lower().startswith(("javascript:", "js:"))
            )
            if one.tag in ("script", "style") and ("src" not in one.attrib or one.text):
                yield f"<{one.tag}>"

    none(faults(documents, inline))


def test_one_heading_one_title_and_a_language(documents):
    def headed(root: Element) -> Iterator[str]:
        found = len(list(root.iter("h1")))
        if found != 1:
            yield f"{found} h1"
        if not title_of(root):
            yield "no title"
        if not root.get("lang"):
            yield "no language"

    none(faults(documents, headed))


def test_titles_tell_pages_apart(documents):
    by_title = defaultdict(set)
    for seen, root in documents:
        if seen.response.status_code == 200:
            by_title[(seen.who, title_of(root))].add(seen.response.templates[0].name)
    assert {title: names for title, names in by_title.items() if len(names) > 1} == {}


def test_ids_are_unique_and_what_points_at_them_finds_them(documents):
    pointers = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget")

    def dangling(root: Element) -> Iterator[str]:
        found = ids(root)
        yield from (f"id {one} twice" for one in {i for i in found if found.count(i) > 1})
        known = set(found)
        for one in root.iter():
            for name in pointers:
                for wanted in one.get(name, "").split():
                    if wanted not in known:
                        yield f"{name}={wanted}"
            target = one.get("hx-target", "")
            if target.startswith("#") and target[1:] not in known:
                yield f"hx-target={target}"

    none(faults(documents, dangling))


def test_every_input_has_a_label(documents):
    def unlabelled(root: Element) -> Iterator[str]:
        wrapped = {inner for label in root.iter("label") for inner in label.iter()}
        named = {label.get("for") for label in root.iter("label") if words(label)}
        for one in root.iter():
            if one.tag not in ("input", "select", "textarea"):
                continue
            if one.get("type") in ("hidden", "submit", "button"):
                continue
            spoken = one.get("aria-label") or one.get("aria-labelledby")
            if not (spoken or one in wrapped or one.get("id", "-") in named):
                yield f"{one.tag} {one.get('name')}"

    none(faults(documents, unlabelled))


def test_every_control_has_words(documents):
    def mute(root: Element) -> Iterator[str]:
        for one in root.iter():
            if one.tag in FOCUSABLE and not (
                words(one) or one.get("aria-label") or one.get("aria-labelledby")
            ):
                yield f"{one.tag} {one.attrib}"

    none(faults(documents, mute))


def test_every_form_is_real(documents):
    """It has an address that exists; one that changes something carries its token."""

    def unreal(root: Element) -> Iterator[str]:
        for form in root.iter("form"):
            method = form.get("method", "get").lower()
            if method == "dialog":
                continue
            action = form.get("action", "")
            if not action.startswith("/") or not known(action):
                yield f"action={action!r}"
            tokens = [one for one in form.iter("input") if one.get("name") == "csrfmiddlewaretoken"]
            good = len(tokens) == 1 and bool(tokens[0].get("value"))
            if (method == "post" and not good and not is_harmless(action)) or (
                method == "get" and tokens
            ):
                yield f"{len(tokens)} tokens in {method} {action}"

    none(faults(but_the_guide(documents), unreal))


def known(path: str) -> bool:
    return match(path) is not None


def is_harmless(path: str) -> bool:
    """It sets a cookie about looks only: see portal/console/harmless.py."""
    found = match(path)
    return found is not None and getattr(found.func, "csrf_exempt", False)


def test_tables_fit_and_have_headings(documents):
    def wide(root: Element) -> Iterator[str]:
        for table in root.iter("table"):
            columns = max((columns_of(row) for row in table.iter("tr")), default=0)
            if columns > MOST_COLUMNS:
                yield f"{columns} columns: {words(table)[:60]}"
            if not list(table.iter("th")):
                yield f"no heading: {words(table)[:60]}"

    none(faults(documents, wide))


def columns_of(row: Element) -> int:
    return sum(int(cell.get("colspan", "1")) for cell in row if cell.tag in ("td", "th"))


def test_at_most_one_primary_button(documents):
    def loud(root: Element) -> Iterator[str]:
        found = [words(one) for one in root.iter() if "primary" in one.get("class", "").split()]
        if len(found) > 1:
            yield str(found)

    none(faults(but_the_guide(documents), loud))


# -- links -----------------------------------------------------------------------------------------


def test_links_lead_to_addresses_that_exist(documents):
    def lost(root: Element) -> Iterator[str]:
        inside = set(ids(root))
        for link in root.iter("a"):
            href = link.get("href", "")
            if href.startswith("#"):
                if href[1:] not in inside:
                    yield href
            elif href.startswith("/") and not href.startswith("/static/") and not known(href):
                yield href
            elif not href.startswith(("/", "http://", "https://", "mailto:", "?")):
                yield repr(href)

    none(faults(but_the_guide(documents), lost))


def test_links_open_for_who_sees_them(tour):
    """One link of each kind on each page was followed."""
    shut = [
        f"{seen}: {href} answers {status}"
        for seen, href, status in tour.followed
        if status >= 400 and "styleguide" not in seen.url
    ]
    none(shut)
    assert len(tour.followed) > 200


# -- answers ---------------------------------------------------------------------------------------


def test_pages_and_fragments_are_not_mistaken_for_each_other(tour):
    """What answers htmx otherwise says so to caches."""
    wrong = [
        str(seen)
        for seen, fragment in tour.fragments
        for answer in (seen.response, fragment)
        if "<!doctype" not in fragment.content.decode()[:200].lower()
        and "HX-Request" not in answer.headers.get("Vary", "")
    ]
    none(wrong)


def test_no_fragment_breaks(tour):
    none([str(seen) for seen, fragment in tour.fragments if fragment.status_code >= 500])


def test_the_looks_above_find_what_is_wrong():
    bad = html5lib.parse(
        "<p style='x' onclick='y'><a></a><input name=q><form method=post action=''></form>"
        "<table><tr><td><td><td><td><td><td><td></table>",
        namespaceHTMLElements=False,
    )
    seen = Visit(pages()[0], None, "/", None, 0, 0)
    checks = [
        test_nothing_inline,
        test_one_heading_one_title_and_a_language,
        test_every_input_has_a_label,
        test_every_control_has_words,
        test_every_form_is_real,
        test_tables_fit_and_have_headings,
        test_links_lead_to_addresses_that_exist,
    ]
    for check in checks:
        with pytest.raises(AssertionError):
            check([(seen, bad)])
