"""What browsers get is what was written, without comments and indentation."""

from __future__ import annotations

import re
from pathlib import Path

import brotli
import pytest
from django.conf import settings
from django.core.files.base import ContentFile

from portal.conf.static import LeanStorage, lean_css, lean_js

STATIC = Path(settings.BASE) / "static"
SHEETS = sorted(path.name for path in STATIC.glob("*.css"))
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))


def bare(text: str) -> str:
    """Without comments and white space."""
    return re.sub(r"\s+", "", re.sub(r"/\*.*?\*/", "", text, flags=re.S))


def test_a_sheet_without_comments_and_indentation():
    source = """
    /* one
       two */
    .a {
      width: calc(1rem + var(--s3));

      & > b { color: var(--ink) }
    }
    """
    assert lean_css(source) == ".a{width: calc(1rem + var(--s3));& > b{color: var(--ink)}}"


@pytest.mark.parametrize("name", SHEETS)
def test_every_sheet_keeps_all_it_says(name):
    source = (STATIC / name).read_text()
    plain = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    lean = lean_css(source)
    assert bare(lean) == bare(source)
    assert len(brotli.compress(lean.encode())) < len(brotli.compress(source.encode())) * 0.95
    texts = re.findall(r'"([^"]*)"', plain)
    assert all(not re.search(r" [{};]|[{};] |\s\s", text) for text in texts)  # would be changed


def test_a_script_keeps_its_texts():
    source = '  /* gone */\n  const a = "/* stays */";\n  /* two\n     lines */\n  b(`x`);\n'
    assert lean_js(source) == 'const a = "/* stays */";\nb(`x`);\n'
    long = "  const a = `\n    x`;\n"
    assert lean_js(long) == long


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_keeps_its_code(name):
    source = (STATIC / name).read_text()
    assert bare(lean_js(source)) == bare(source)
    assert len(lean_js(source)) < len(source)


def test_only_our_own_files_are_touched(tmp_path):
    storage = LeanStorage(location=tmp_path, base_url="/static/")
    storage.save("app.css", ContentFile(b"/* x */\n.a {\n}\n"))
    storage.save("admin/css/base.css", ContentFile(b"/* x */\n.a {\n}\n"))
    storage.save("favicon.svg", ContentFile(b"<svg>  </svg>"))
    assert (tmp_path / "app.css").read_text() == ".a{}"
    assert (tmp_path / "admin/css/base.css").read_text() == "/* x */\n.a {\n}\n"
    assert (tmp_path / "favicon.svg").read_text() == "<svg>  </svg>"


def test_files_with_a_hash_are_as_whole_as_those_without(tmp_path):
    storage = LeanStorage(location=tmp_path, base_url="/static/")
    storage.save("app.css", ContentFile(b"/* x */\n.a {\n}\n"))
    assert all(
        done is not False
        for _name, _new, done in storage.post_process({"app.css": (storage, "app.css")})
    )
    [hashed] = tmp_path.glob("app.*.css")
    assert hashed.read_text() == ".a{}"
