"""The audit log as people read it, take it away and prove it."""

import ast
import csv
import json
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.urls import reverse

from portal.audit import proofs
from portal.audit.actions import record
from portal.audit.models import AuditEvent, ChainCheck
from portal.console import audit as building
from portal.console import audit_export, audit_texts
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.tenancy import trail
from portal.tenancy.permissions import Role
from services.instances.states import OPEN, Kind, OperationState
from tests.makers import (
    actor_for,
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_region,
    signed_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
LIST = "/audit/"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project():
    return make_project(make_organisation("acme"), "shop")


@pytest.fixture
def owner(project):
    return make_member(project)


@pytest.fixture
def reader(client, owner):
    client.force_login(owner)
    return client


def act(verb="token.create", target="tk-1", actor=SYSTEM, chain="acme", **fields):
    kind = fields.pop("kind", verb.partition(".")[0])
    with transaction.atomic():
        return record(actor, verb, kind, target, chain=chain, **fields)


def texts(answer):
    """What each event says, in one line."""
    found = re.findall(r"<summary>.*?<span>(.*?)</span><time", answer.content.decode(), re.S)
    return [re.sub(r"<[^>]+>", "", one) for one in found]


def test_it_says_who_did_what_to_what(reader, owner):
    act("member.add", str(owner.pk), after={"role": "admin"})
    act("no.words-yet", "x-1")
    assert texts(reader.get(LIST)) == [
        "Polder no.words-yet · x-1",
        f"Polder added a member · {owner.email}",
    ]


def test_filters_narrow_and_stay_in_the_address(reader, owner):
    act("token.create", "tk-1", actor=actor_for(owner), project="shop")
    act("token.revoke", "tk-1")
    act("quota.set", "shop")
    old = act("token.create", "tk-old")
    assert len(texts(reader.get(LIST))) == 4
    assert texts(reader.get(f"{LIST}?verb=token.&target=tk-1")) == [
        "Polder revoked a token · tk-1",
        f"{owner.email} made a token · tk-1",
    ]
    assert len(texts(reader.get(f"{LIST}?actor={owner.email}"))) == 1
    assert len(texts(reader.get(f"{LIST}?project=shop"))) == 1
    today, tomorrow = clock.now().date(), clock.now().date() + timedelta(days=1)
    assert len(texts(reader.get(f"{LIST}?since={today}&until={today}"))) == 4
    assert texts(reader.get(f"{LIST}?since={tomorrow}")) == []
    page = reader.get(f"{LIST}?verb=token.&target={old.target}&since={today}").content.decode()
    assert '<option value="token." selected>' in page
    assert 'value="tk-old"' in page
    assert f'value="{today}"' in page


@pytest.mark.parametrize(
    "query",
    ["since=x", "since=2026-02-31", "until=99999-1-1", "before=x", "after=-1", "target=%00"],
)
def test_nonsense_in_the_address_is_no_error(reader, query):
    assert reader.get(f"{LIST}?{query}").status_code == 200


def test_pages_follow_each_other_without_gaps(reader):
    for number in range(120):
        act(target=f"tk-{number}")
    seen, address = [], LIST
    while address:
        answer = reader.get(address)
        seen += texts(answer)
        older = re.search(r'href="(\?[^"]*before=[^"]*)"', answer.content.decode())
        address = LIST + older.group(1).replace("&amp;", "&") if older else ""
    assert seen == [f"Polder made a token · tk-{n}" for n in reversed(range(120))]
    last = answer.content.decode()
    newer = re.search(r'href="(\?[^"]*after=[^"]*)"', last).group(1).replace("&amp;", "&")
    assert texts(reader.get(LIST + newer)) == seen[50:100]


def test_the_difference_is_shown_field_by_field():
    before = {"plan": "dev-1x1", "parameters": {"work_mem_mib": 4, "jit": True}, "same": 1}
    after = {"plan": "single-2x8", "parameters": {"work_mem_mib": 8, "jit": True}, "same": 1}
    assert building.changes(before, after) == [
        {"field": "plan", "before": "dev-1x1", "after": "single-2x8"},
        {"field": "parameters.work_mem_mib", "before": "4", "after": "8"},
    ]
    assert building.changes({}, {"scopes": ["a", "b"], "none": None, "on": False}) == [
        {"field": "scopes", "before": "", "after": "a, b"},
        {"field": "none", "before": "", "after": "—"},
        {"field": "on", "before": "", "after": "no"},
    ]


def test_address_token_request_and_on_whose_behalf_are_shown(reader):
    actor = Actor(
        kind="staff",
        id="7",
        name="nina@provider.example",
        token_id="tk-77",
        address="192.0.2.7",
        request_id="req-abc",
        on_behalf_of_id="9",
        on_behalf_of="ada@acme.example",
    )
    act(actor=actor, reason="ticket 12")
    page = reader.get(LIST).content.decode()
    for text in ("192.0.2.7", "tk-77", "req-abc", "on behalf of ada@acme.example", "ticket 12"):
        assert text in page


def test_who_read_that_credential_takes_two_clicks(reader, owner, project, prices, fake):
    instance = make_instance(project, make_region(), name="orders-db")
    signed_in(reader, owner).post(reverse("console:service-reveal", args=[instance.public_id]))
    first = reader.get(reverse("console:service", args=[instance.public_id])).content.decode()
    link = re.search(r'href="(/audit/[^"]*)"[^>]*>Who looked', first).group(1)
    found = reader.get(link.replace("&amp;", "&"))
    assert texts(found) == [f"{owner.email} looked at a password · orders-db"]
    assert '<option value="credential."' in found.content.decode()


def test_a_member_of_one_project_reads_that_project_only(client, project):
    other = make_project(project.organisation, "other")
    act(target="tk-here", project=project.slug)
    act(target="tk-there", project=other.slug)
    act(target="tk-above")
    user = make_member(project, Role.OWNER, only_project=True)
    client.force_login(user)
    answer = client.get(LIST)
    assert texts(answer) == ["Polder made a token · tk-here"]
    assert b"Check now" not in answer.content
    rows = client.post("/audit/export/", {"format": "jsonl"})
    told = b"".join(rows.streaming_content).decode()
    assert "tk-here" in told
    assert "tk-there" not in told
    assert "tk-above" not in told
    assert client.post("/audit/check/").status_code == 403
    assert client.get(f"{LIST}?project=other").status_code == 404


def test_another_organisation_is_not_to_be_seen(reader):
    make_project(make_organisation("elsewhere"), "theirs")
    act(target="tk-theirs", chain="elsewhere")
    assert texts(reader.get(LIST)) == []
    assert reader.get(f"{LIST}?project=theirs").status_code == 404


# -- taken away ------------------------------------------------------------------------------------


def export(reader, **sent):
    return b"".join(reader.post("/audit/export/", sent).streaming_content).decode()


def test_json_lines_hold_what_the_filters_let_through(reader, owner):
    act("token.create", "tk-1", after={"name": "ci"})
    act("quota.set", "shop")
    act("member.add", str(owner.pk))
    lines = [json.loads(line) for line in export(reader, format="jsonl").splitlines()]
    # That it was taken away is written down before it is read.
    assert [line["verb"] for line in lines] == [
        "audit.export",
        "member.add",
        "quota.set",
        "token.create",
    ]
    assert set(lines[0]) == set(audit_export.COLUMNS)
    assert lines[1]["target"] == owner.email
    assert lines[3]["after"] == {"name": "ci"}
    assert lines[2]["previous_hash"] == lines[3]["hash"]
    found = export(reader, format="jsonl", verb="token.").splitlines()
    assert [json.loads(line)["target"] for line in found] == ["tk-1"]
    event = AuditEvent.objects.filter(verb="audit.export").latest("sequence")
    assert event.after == {"filters": {"verb": "token."}, "format": "jsonl"}
    assert event.actor_name == owner.email


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_nothing(reader, start):
    evil = f"{start}HYPERLINK(1)"
    act("token.create", evil, reason=evil)
    rows = list(csv.DictReader(StringIO(export(reader, format="csv", verb="token."))))
    assert rows[0]["target"] == rows[0]["reason"] == f"'{evil}"
    assert rows[0]["after"] == "{}"


def test_an_export_is_streamed_in_pages(reader, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(trail, "_PAGE", 10)
    for number in range(35):
        act(target=f"tk-{number}")
    answer = reader.post("/audit/export/", {"format": "csv"})
    assert answer.streaming
    assert "attachment" in answer["Content-Disposition"]
    with django_assert_max_num_queries(6):
        text = b"".join(answer.streaming_content).decode()
    assert len(text.splitlines()) == 37  # head, 35, and the export itself


# -- proved ----------------------------------------------------------------------------------------


def tamper(sequence, column="target", value="'tk-666'"):
    with connection.cursor() as cursor:
        cursor.execute("alter table audit_auditevent disable trigger audit_append_only")
        cursor.execute(
            f"update audit_auditevent set {column} = {value} "  # noqa: S608  # a test's own words
            "where chain = 'acme' and sequence = %s",
            [sequence],
        )
        cursor.execute("alter table audit_auditevent enable trigger audit_append_only")


def test_a_check_is_shown_with_number_hash_and_time(reader):
    assert b"has not been checked yet" in reader.get(LIST).content
    for number in range(3):
        act(target=f"tk-{number}")
    assert reader.post("/audit/check/").status_code == 303
    page = reader.get(LIST).content.decode()
    assert "All 3 events were verified on" in page
    assert "It holds" in page
    assert AuditEvent.objects.latest("sequence").hash in page


def test_a_broken_chain_says_where_and_what_to_do(reader):
    for number in range(5):
        act(target=f"tk-{number}")
    tamper(3)
    reader.post("/audit/check/")
    page = reader.get(LIST).content.decode()
    assert "The chain is broken at event 3" in page
    assert "A field of it was changed" in page
    assert "Tell the provider" in page


def test_a_check_costs_no_more_than_it_may(reader, monkeypatch):
    monkeypatch.setattr(trail, "CHECKED_AT_ONCE", 4)
    for number in range(9):
        act(target=f"tk-{number}")
    proofs.check_all()
    reader.post("/audit/check/")
    page = reader.get(LIST).content.decode()
    assert "The newest 4 of 9 events were verified" in page
    assert "All of them were on" in page
    tamper(2)  # too old for the quick look
    reader.post("/audit/check/")
    assert "It holds" in reader.get(LIST).content.decode()
    assert proofs.check_all() == 1
    assert "broken at event 2" in reader.get(LIST).content.decode()


def test_the_newest_must_follow_what_was_before(reader, monkeypatch):
    monkeypatch.setattr(trail, "CHECKED_AT_ONCE", 4)
    for number in range(9):
        act(target=f"tk-{number}")
    tamper(5, "hash", "repeat('0', 64)")
    reader.post("/audit/check/")
    assert ChainCheck.objects.get().first_bad == 6


def test_an_operator_may_not_read_it(client, project):
    client.force_login(make_member(project, Role.OPERATOR))
    assert client.get(LIST).status_code == 403


# -- words -----------------------------------------------------------------------------------------

# Acts of the provider's own, in its own chain.
PROVIDERS = {"rollout", "announcement", "incident", "maintenance", "region", "session", "user"}


def verbs_written():
    """Every `noun.verb` that stands in a call of a function whose name speaks of recording."""
    for package in ("portal", "services", "billing"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and "record" in ast.unparse(node.func):
                    for part in node.args:
                        if isinstance(part, ast.Constant) and isinstance(part.value, str):
                            yield from re.findall(r"^[a-z_]+\.[a-z_]+$", part.value)


def test_every_act_has_words():
    written = {verb for verb in verbs_written() if verb.partition(".")[0] not in PROVIDERS}
    written |= {f"instance.{kind}" for kind in Kind.values}
    written |= {f"operation.{state}" for state in OperationState.values if state not in OPEN}
    assert written >= {"credential.reveal", "member.add", "webhook.ping", "audit.export"}
    assert {verb for verb in written if audit_texts.verb_text(verb) == verb} == set()
