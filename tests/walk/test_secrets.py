"""Secrets stay where they are, and what breaks tells nothing."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.conf.logs import TextFormatter
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from services.instances.models import InstanceEvent
from tests.makers import PASSWORD, make_token
from tests.walk.tour import listening, none

pytestmark = pytest.mark.django_db


# -- secrets ---------------------------------------------------------------------------------------


def test_secrets_stand_in_no_log(place, tour):
    """Of the tour over all pages, and of the acts that handle secrets."""
    person, instance = place.people[Role.OWNER], place.world["instance"]
    client, lines = Client(), list(tour.lines)
    with listening(lines):
        client.post("/accounts/login/", {"login": person.email, "password": "a-wrong-guess-0815"})
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        shown = client.post(reverse("console:service-reveal", args=[instance.public_id]))
        token = make_token(person)
        header = {"Authorization": f"Bearer {token}"}
        Client().get(reverse("api:credentials", args=[instance.public_id]), headers=header)
        Client().get("/api/v1/instances", headers={"Authorization": f"Bearer {token}x"})
        client.post("/accounts/password/reset/", {"email": person.email})
        logging.getLogger("portal").info("listened.to.the.end")
    assert any(secret in shown.content.decode() for secret in place.secrets)
    assert "listened.to.the.end" in lines[-1]
    secrets = [*place.secrets, *tour.secrets, PASSWORD, token, "a-wrong-guess-0815"]
    secrets += [django_settings.SECRET_KEY, *django_settings.POLDER_SECRET_KEYS]
    secrets.append(client.session.session_key or "-")
    none([line[:300] for line in lines for secret in secrets if secret in line])


def test_secrets_stand_in_no_event(place):
    written = [
        str(row) for model in (AuditEvent, OutboxEntry, InstanceEvent) for row in values(model)
    ]
    assert len(written) > 50
    none([row[:300] for row in written for secret in place.secrets if secret in row])


def values(model: Any) -> list[dict[str, Any]]:
    return list(model.objects.values())


def test_secrets_stand_in_no_address(tour):
    told = [
        f"{seen}: {href}"
        for seen in tour.visits
        if seen.is_document
        for href in re.findall(r'(?:href|action|hx-get|hx-post)="([^"]*)"', seen.html)
        for secret in tour.secrets
        if secret in href and secret not in seen.url
    ]
    none(told)


def test_secrets_are_stored_encrypted_or_as_digests(place):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'jsonb')"
        )
        columns = cursor.fetchall()
        plain = []
        for table, column in columns:
            for secret in place.secrets:
                if re.fullmatch(r"[0-9a-f]{64}", secret):
                    continue  # is a digest itself
                cursor.execute(
                    f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s',  # noqa: S608
                    [f"%{secret}%"],
                )
                if cursor.fetchone()[0]:
                    plain.append(f"{table}.{column}")
    assert plain == []
    assert len(columns) > 100


# -- what is told when something breaks ------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/.git/config", "/static/", "/static/../manage.py", "/.env", "/media/", "/debug/"]
)
def test_nothing_of_the_machine_is_served(path):
    answer = Client().get(path)
    assert answer.status_code == 404
    assert "Index of" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/", "/catalogue/", "/api/v1/instances", "/healthz"])
def test_trace_is_no_method(path):
    assert Client().trace(path).status_code in (302, 401, 405)


def test_lines_cannot_be_forged():
    evil = "x\n12:00:00 error forged=1"
    record = logging.makeLogRecord({"msg": "a.b", "name": evil, "evil": evil})
    assert "\n" not in TextFormatter().format(record)


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", "\x85"])
def test_nor_by_what_an_error_says(end):
    try:
        raise ValueError(f"x{end}12:00:00.000 error   forged")
    except ValueError:
        record = logging.makeLogRecord({"msg": "a.b", "exc_info": sys.exc_info()})
    first, *rest = TextFormatter().format(record).splitlines()
    assert first.endswith("a.b")
    assert len(rest) > 2
    assert [line for line in rest if not line.startswith("  | ")] == []
