"""The catalogue and the pages of offerings: for anybody, with search and filters in the address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.tenancy.permissions import Role
from tests.makers import make_instance, make_member, make_project, make_region
from tests.portal.test_ui import strict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]

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
