"""Whatever class a page gives its parts stands in a style sheet that the page loads."""

import re
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2]
TEMPLATES, STATIC = BASE / "templates", BASE / "static"
# What scripts and htmx look for, and marks for tests: no style belongs to them.
HOOKS = {"op"}
_PARTS = re.compile(r'{%\s*(?:extends|include)\s+"([^"]+)"|<c-([a-z_-]+)')
_SHEETS = re.compile(r"{%\s*static\s+'([\w-]+\.css)'")
_CLASS = re.compile(r'\sclass="([^"]*)"')
_TAG, _VALUE = re.compile(r"{%.*?%}"), re.compile(r"{{.*?}}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def pages():
    return sorted(
        path.relative_to(TEMPLATES).as_posix()
        for path in TEMPLATES.rglob("*.html")
        if "{% extends" in (text := path.read_text()) and "{% block main %}" in text
    )


def whole(name, seen=None):
    """The text of a page with all that it extends, includes and is put together from."""
    seen = {name} if seen is None else seen
    text = (TEMPLATES / name).read_text()
    found = [text]
    for part, component in _PARTS.findall(text):
        inner = part or f"cotton/{component.replace('-', '_')}.html"
        if inner not in seen and (TEMPLATES / inner).is_file():
            seen.add(inner)
            found.append(whole(inner, seen))
    return "\n".join(found)


def classes_of(text):
    """Those that are written out; one that a value is a part of is not looked at."""
    found = set()
    for value in _CLASS.findall(text):
        words = _VALUE.sub("\0", _TAG.sub(" ", value)).split()
        found |= {word for word in words if "\0" not in word and not word.endswith("-")}
    return found


def styled(sheet):
    return set(re.findall(r"\.([a-z][\w-]*)", _COMMENT.sub("", (STATIC / sheet).read_text())))


@pytest.mark.parametrize("name", pages())
def test_every_class_of_a_page_is_styled_there(name):
    text = whole(name)
    have = HOOKS.union(*(styled(sheet) for sheet in {"app.css", *_SHEETS.findall(text)}))
    assert classes_of(text) - have == set()


def test_a_class_without_its_sheet_would_be_seen():
    assert "board" in styled("public.css") - styled("app.css")
    assert classes_of('<p class="a {% if x %}b{% endif %} c-{{ d }}">') == {"a", "b"}
    assert len(pages()) > 60
