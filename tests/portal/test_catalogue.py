"""The catalogue and the pages of offerings: for anybody, with search and filters in the address."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.console import markdown
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services import registry
from services.regions.choices import asked
from tests.makers import make_instance, make_member, make_project, make_region
from tests.portal.test_ui import strict

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static"),
]

CATALOGUE = reverse("console:catalogue")


def page_of(client: Client, path: str = CATALOGUE, **asked: str) -> str:
    answer = client.get(path, asked)
    assert answer.status_code == 200
    html = answer.content.decode()
    strict(html)
    return html


def test_a_visitor_sees_catalogue_and_offering_and_the_way_in(client: Client) -> None:
    make_region()
    html = page_of(client)
    assert "PostgreSQL" in html
    assert f"{reverse('account_login')}?next=%2Fcatalogue%2F" in html
    assert reverse("account_signup") in html
    assert reverse("console:services") not in html
    html = page_of(client, reverse("console:offering", args=["postgresql"]))
    assert "Sign in to order" in html
    answer = client.get(reverse("console:order", args=["postgresql"]))
    assert answer["Location"].startswith(reverse("account_login"))


def test_nobody_is_invited_to_sign_up_where_it_is_closed(client: Client, settings: Any) -> None:
    settings.POLDER_SIGNUP = "closed"
    assert reverse("account_signup") not in page_of(client)


@pytest.mark.parametrize(
    ("asked", "there", "missing"),
    [
        ({"q": "redis compat"}, "Valkey", "PostgreSQL"),
        ({"q": "gpl-2.0"}, "MariaDB", "PostgreSQL"),
        ({"family": "integration"}, "Apache Kafka", "PostgreSQL"),
        ({"q": "cache", "family": "databases"}, "Memcached", "MariaDB"),
        ({"here": "1"}, "PostgreSQL", "Memcached"),
    ],
)
def test_search_and_filters(
    client: Client, asked: dict[str, str], there: str, missing: str
) -> None:
    make_region(backend="process", unavailable={"memcached": ["engine-missing-debian", {}]})
    tiles = page_of(client, **asked).partition('id="results"')[2]
    assert there in tiles
    assert missing not in tiles


def test_high_availability_counts_only_where_it_can_be_had(client: Client) -> None:
    make_region(backend="process")
    assert "No service fits" in page_of(client, ha="1")
    make_region("zones", backend="fake")
    assert "PostgreSQL" in page_of(client, ha="1").partition('id="results"')[2]


def test_a_tile_says_price_time_promise_or_why_not(client: Client, fake: Any) -> None:
    region = make_region(
        unavailable={"memcached": ["engine-missing-debian", {"package": "memcached"}]}
    )
    make_instance(make_project(), region)
    html = page_of(client, q="postgresql")
    assert "from €\u202f" in html
    assert "ready in about 1\u202fs" in html
    assert "up to 99.99\u202f% promised" in html
    html = page_of(client, q="memcached")
    assert "is not installed on this machine" in html
    assert "apt install memcached" in html


def test_what_is_billed_by_use_is_not_said_to_cost_nothing(client: Client, fake: Any) -> None:
    make_region("zones", backend="kubernetes")
    html = page_of(client, q="serverless containers")
    assert "billed by use" in html
    assert "from €\u202f" not in html


def test_nothing_found_says_what_was_searched_and_where_it_is(client: Client) -> None:
    make_region()
    assert "No service matches “&lt;b&gt;”" in page_of(client, q="<b>")
    assert "1 service of another family does." in page_of(client, q="kafka", family="databases")


@pytest.mark.parametrize(
    ("asked", "before", "pushed"),
    [
        ({"q": " pg ", "family": "", "here": "1"}, "/catalogue/", "/catalogue/?q=pg&here=1"),
        ({"q": "", "family": ""}, "/catalogue/?q=pg", "/catalogue/"),
        ({"q": "pg", "x": "y"}, "/catalogue/?q=pg", "false"),
    ],
)
def test_the_address_says_what_is_shown(
    client: Client, asked: dict[str, str], before: str, pushed: str
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{before}"}
    assert client.get(CATALOGUE, asked, headers=headers)["HX-Push-Url"] == pushed


def test_a_member_sees_the_same_with_everything_else(client: Client) -> None:
    make_region()
    client.force_login(make_member(make_project(), Role.VIEWER))
    html = page_of(client)
    assert reverse("console:services") in html
    assert reverse("account_login") not in html


# -- the page of an offering -----------------------------------------------------------------------


def offering_page(client: Client, slug: str = "postgresql", **asked: str) -> str:
    return page_of(client, reverse("console:offering", args=[slug]), **asked)


@pytest.mark.parametrize("slug", sorted(registry.entries()))
def test_every_offering_has_a_page(client: Client, slug: str) -> None:
    region = make_region(backend="process")
    offering = registry.get(slug).offering
    html = offering_page(client, slug)
    for plan in offering.plans:
        assert f'<span class="mono">{plan.id}</span>' in html
    for version in offering.versions:
        assert f"{offering.name} {version.id}" in html
    for parameter in asked(offering, region):
        assert parameter.name in html
    assert offering.licence in html
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_plans_stand_side_by_side_with_and_without_vat(client: Client) -> None:
    make_region(backend="process")
    html = offering_page(client)
    rows = dict(re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', html))
    assert rows["vCPU"].count("<td") == 5
    assert "93.67" in rows["Per month, net"]
    assert "113.34" in rows["Per month, with VAT"]
    assert "99.99\u202f%" in rows["Promised availability"]
    assert rows["In Local"].count("plans with several nodes need zones") == 2


def test_versions_say_how_long_they_live(client: Client, monkeypatch: Any) -> None:
    make_region()
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 11, 1, tzinfo=UTC))
    html = offering_page(client)
    assert "Deprecated: choose a newer one" in html
    assert "10 days of fixes left" in html
    assert "no more fixes" in html
    assert "24 months of fixes left" in html


def test_what_is_included_is_what_the_offering_can_do(client: Client) -> None:
    make_region(backend="process")
    html = offering_page(client)
    assert "TLS with a certificate" in html
    assert 'aria-label="Not included:"' in html
    assert "PostgreSQL 17.10" in html
    html = offering_page(client, "redis")
    assert "TLS: this engine has none here" in html
    html = offering_page(client, "rabbitmq")
    assert "fixes come from Debian" in html


def test_only_who_may_order_is_asked_to(client: Client) -> None:
    make_region()
    project = make_project()
    order = f"{reverse('console:order', args=['postgresql'])}?plan=single-2x8&amp;region=local"
    assert order not in offering_page(client)
    client.force_login(make_member(project, Role.VIEWER))
    html = offering_page(client)
    assert order not in html
    assert "Your role may not order services." in html
    client.force_login(make_member(project, Role.OPERATOR))
    assert order in offering_page(client)


def test_an_offering_that_runs_nowhere_says_why(client: Client) -> None:
    why = ["engine-missing-debian", {"package": "memcached"}]
    make_region("box", unavailable={"memcached": why})
    html = offering_page(client, "memcached")
    assert "apt install memcached" in html
    assert "Sign in to order" not in html


def test_another_region_can_be_looked_at(client: Client) -> None:
    make_region("north", backend="process")
    make_region("south")
    assert "In North" in offering_page(client)
    html = offering_page(client, region="south")
    assert "In South" in html
    assert "need zones" not in html
    assert "In North" in offering_page(client, region="nowhere")


def test_a_guide_is_markdown_without_html() -> None:
    html = markdown.guide(
        "# Title\n\nText <b>bold</b> **strong** [x](javascript:alert(1)) [y](/z)\n\n## Part\n\n"
        "    indented <code>\n\n```python\nfenced()\n```\n\n### Deeper\n\n<script>1</script>\n"
    )
    strict(f"<!doctype html><title>x</title>{html}")
    assert "Title" not in html
    assert "&lt;b&gt;bold" in html
    assert "<strong>strong</strong>" in html
    assert "javascript:alert" not in html.replace("[x](javascript:alert(1))", "")
    assert "<h3>Part</h3>" in html
    assert "<h4>Deeper</h4>" in html
    assert html.count('data-copy="') == 2
    assert 'aria-label="Example 1"' in html
    assert 'aria-label="Example 2"' in html
    assert "<script" not in html
