"""The pages of the reference: complete, light, and within the content security policy."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import brotli
import html5lib
import pytest
from django.conf import settings

from portal.api.codes import CODES
from portal.api.reference import nouns, shape_names
from portal.api.schema import document
from tests.makers import make_member, make_project

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
STATIC = Path(settings.BASE) / "static"
PAGES = ["", "schemas/", "errors/", *(f"{noun.slug}/" for noun in nouns(document()))]
SHAPES = [f"schemas/{name}/" for name in shape_names(document())]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_for_everybody(page, client, django_assert_num_queries):
    client.get("/api/docs/")  # reads the notices, which stay for some seconds
    with django_assert_num_queries(0):
        answer = client.get(f"/api/docs/{page}")
    html = answer.content.decode()
    assert answer.status_code == 200
    html5lib.HTMLParser(strict=True).parse(html.lstrip())
    assert "style=" not in html
    assert not re.findall(r"<script(?![^>]*\ssrc=)", html)
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.fixture(scope="module")
def bytes_of_files():
    """On the wire, of what each page loads."""
    files = [STATIC / "app.css", STATIC / "app.js"]
    htmx = next(
        Path(settings.BASE).glob(
            ".venv/lib/*/site-packages/django_htmx/static/django_htmx/htmx-2.min.js"
        )
    )
    packed = sum(len(brotli.compress(file.read_bytes())) for file in [*files, htmx])
    return packed + (STATIC / "fonts/inter-latin.woff2").stat().st_size


@pytest.mark.parametrize("page", [*PAGES, *SHAPES])
def test_first_load_is_light(page, client, bytes_of_files):
    html = client.get(f"/api/docs/{page}").content
    assert len(gzip.compress(html)) + bytes_of_files <= 70_000


def test_every_operation_is_on_a_page(client):
    for noun in nouns(document()):
        html = client.get(f"/api/docs/{noun.slug}/").content.decode()
        for call in noun.calls:
            assert f'id="{call.id}"' in html
            assert call.path in html
    described = sum(len(noun.calls) for noun in nouns(document()))
    assert described == sum(len(item) for item in document()["paths"].values())


def test_links_lead_somewhere(client):
    linked = set()
    for page in [*PAGES, *SHAPES]:
        html = client.get(f"/api/docs/{page}").content.decode()
        linked |= set(re.findall(r'href="/api/docs/(schemas/\w+/)"', html))
    assert linked == set(SHAPES)
    codes = client.get("/api/docs/errors/").content.decode()
    assert all(f'id="{code}"' in codes for code in CODES)


def test_a_shape_stands_beside_all_that_it_is_made_of(client):
    html = client.get("/api/docs/schemas/Instance/").content.decode()
    names = re.findall(r'id="(\w+)"', html)
    assert {"Instance", "Operation", "Endpoint"} <= set(names)
    assert len(names) == len(set(names))
    assert client.get("/api/docs/schemas/Nothing/").status_code == 404


def test_a_form_leads_to_the_answer(client):
    client.force_login(make_member(make_project(slug="shop")))
    html = client.get("/api/docs/instances/").content.decode()
    assert 'action="/api/docs/try/"' in html
    tried = client.get("/api/docs/try/?path=/api/v1/instances&phase=running&tag=", follow=True)
    assert tried.redirect_chain == [("/api/v1/instances?phase=running", 302)]
    assert tried.json()["results"] == []
    assert client.get("/api/docs/try/?path=//evil.example/").status_code == 404
    assert client.get("/api/docs/nothing/").status_code == 404
