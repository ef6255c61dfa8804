"""Kubernetes regions: what they are set to, who may set it, and that nobody reads their secrets."""

from __future__ import annotations

import base64
import io
import json
import logging
from copy import deepcopy

import pytest
from django.core.management import CommandError, call_command

from portal.audit.models import AuditEvent
from portal.kernel import crypto
from portal.kernel.errors import Conflict, Invalid, NotPermitted, Temporary
from services import backends, registry
from services.instances.region_health import check_region
from services.regions import actions, clusters, kubeconfigs
from services.regions.models import Region
from services.regions.queries import orderable
from services.spec import Health, Secret
from tests.makers import actor_for, make_region, make_staff, make_user

TOKEN = "s3cr3t-token"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s3cr3t-key"}
FILLED_IN = {
    "storage_class": "fast",
    "issuer": "letsencrypt",
    "domain": "EU1.example.com.",
    "zones": "eu1-a, eu1-b eu1-c",
    "backup_endpoint": "https://s3.example.com/",
    "backup_bucket": "backups",
    "backup_region": "eu-1",
    "external": "on",
    "drift": "correct",
    "resync_minutes": "15",
}

PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()
RAW = {
    "kind": "Config",
    "clusters": [
        {"name": "a", "cluster": {"server": "https://a:6443", "certificate-authority-data": PEM}},
        {"name": "b", "cluster": {"server": "https://b:6443", "tls-server-name": "b.test"}},
    ],
    "users": [
        {"name": "portal", "user": {"token": TOKEN}},
        {"name": "other", "user": {"client-certificate-data": PEM, "client-key-data": PEM}},
    ],
    "contexts": [
        {"name": "one", "context": {"cluster": "a", "user": "portal", "namespace": "x"}},
        {"name": "two", "context": {"cluster": "b", "user": "other"}},
    ],
    "current-context": "one",
}


def kubeconfig(*, cluster=None, user=None, **changes):
    """Text of RAW with changes in the parts that its current context names."""
    raw = {**deepcopy(RAW), **changes}
    raw["clusters"][0]["cluster"] |= cluster or {}
    raw["users"][0]["user"] = RAW["users"][0]["user"] if user is None else user
    return Secret(json.dumps(raw))


def region_with(settings=None, **secrets):
    row = Region(code="eu1", name="EU1", country="NL", backend="kubernetes")
    row.settings = settings or {}
    row.secrets = clusters.sealed(row, **secrets) if secrets else ""
    return row


# -- secrets --------------------------------------------------------------------------------------


def test_secrets_are_kept_encrypted_and_changed_one_by_one():
    kept = kubeconfigs.clean(kubeconfig())
    region = region_with(clusters.clean_settings(FILLED_IN), kubeconfig=kept)
    region.secrets = clusters.sealed(region, backup_keys=KEYS)
    assert "s3cr3t" not in region.secrets
    assert clusters.kubeconfig_of(region) == kept
    assert clusters.context_of(region) == "one"
    assert clusters.backup_keys_of(region) == KEYS | {"AWS_REGION": "eu-1"}


def test_without_a_kubeconfig_it_is_the_cluster_that_polder_runs_in():
    region = region_with()
    assert clusters.kubeconfig_of(region) == {}
    assert clusters.context_of(region) is None
    assert clusters.backup_keys_of(region) == {}


# -- what staff do --------------------------------------------------------------------------------


@pytest.fixture
def staff(db):
    return make_staff()


class Answers:
    """A backend that says of itself what a test wants."""

    health: Health | Exception = Health(True, facts={"version": "v1.36.3"})

    def check(self):
        if isinstance(self.health, Exception):
            raise self.health
        return self.health


@pytest.fixture
def backend(monkeypatch):
    answers = Answers()
    monkeypatch.setitem(backends.BACKENDS, "kubernetes", lambda region: answers)
    return answers


def add(actor, **changes):
    wanted = {"code": "eu1", "name": "EU 1", "country": "nl", "kubeconfig": kubeconfig()}
    return actions.add_region(actor=actor, **{**wanted, **changes})


def test_a_region_is_added_and_written_down_without_its_secrets(staff):
    keys = {"backup_access_key": Secret("AKIA1"), "backup_secret_key": Secret("s3cr3t-key")}
    region = Region.objects.get(pk=add(staff, settings=FILLED_IN, backup_keys=keys).pk)
    assert (region.backend, region.country, region.status) == ("kubernetes", "NL", "open")
    assert clusters.kubeconfig_of(region)["users"][0]["user"] == {"token": TOKEN}
    assert clusters.backup_keys_of(region) == KEYS | {"AWS_REGION": "eu-1"}
    event = AuditEvent.objects.get(verb="region.create")
    assert (event.chain, event.target, event.after["server"]) == (
        "provider",
        "eu1",
        "https://a:6443",
    )
    assert "s3cr3t" not in json.dumps(event.after)


def test_every_fault_of_a_new_region_is_named_at_once(staff):
    make_region("eu1")
    with pytest.raises(Invalid) as refused:
        add(
            staff,
            name=" ",
            country="Holland",
            kubeconfig=Secret(TOKEN),
            settings={"domain": "x", "drift": "?"},
        )
    assert set(refused.value.fields) == {"code", "name", "country", "kubeconfig", "domain", "drift"}
    assert Region.objects.count() == 1


def test_settings_are_changed_and_keys_stay(staff):
    keys = {"backup_access_key": Secret("AKIA1"), "backup_secret_key": Secret("s3cr3t-key")}
    region = add(staff, settings=FILLED_IN, backup_keys=keys)
    changed = actions.change_region_settings(
        actor=staff, region=region, settings=FILLED_IN | {"issuer": "own"}
    )
    assert clusters.settings_of(changed).issuer == "own"
    assert clusters.backup_keys_of(changed) == KEYS | {"AWS_REGION": "eu-1"}
    event = AuditEvent.objects.get(verb="region.change")
    assert (event.before, event.after) == ({"issuer": "letsencrypt"}, {"issuer": "own"})
    actions.change_region_settings(
        actor=staff,
        region=region,
        settings=FILLED_IN,
        backup_keys={**keys, "backup_secret_key": Secret("s3cr3t-2")},
    )
    last = AuditEvent.objects.filter(verb="region.change").latest("pk")
    assert last.after == {"issuer": "letsencrypt", "replaced": ["backup_keys"]}
    off = actions.change_region_settings(actor=staff, region=region, settings={})
    assert json.loads(crypto.decrypt(off.secrets))["backup_keys"] == {}


@pytest.mark.parametrize(
    ("settings", "keys", "field"),
    [
        (FILLED_IN, {}, "backup_access_key"),
        (FILLED_IN, {"backup_access_key": "AKIA1"}, "backup_secret_key"),
        ({}, {"backup_access_key": "AKIA1", "backup_secret_key": "x"}, "backup_endpoint"),
    ],
)
def test_a_backup_store_and_its_keys_belong_together(staff, settings, keys, field):
    with pytest.raises(Invalid) as refused:
        add(staff, settings=settings, backup_keys=keys)
    assert set(refused.value.fields) == {field}


def test_a_kubeconfig_is_replaced(staff):
    region = add(staff, kubeconfig=None)
    assert clusters.kubeconfig_of(region) == {}
    replaced = actions.replace_kubeconfig(
        actor=staff, region=region, kubeconfig=kubeconfig(), context="two"
    )
    assert clusters.context_of(replaced) == "two"
    event = AuditEvent.objects.get(verb="region.change")
    assert event.before == {"server": "in-cluster", "context": ""}
    assert event.after["server"] == "https://b:6443"


def test_only_staff_and_only_kubernetes(staff):
    region = add(staff)
    tenant = actor_for(make_user())
    for refused in (
        lambda: add(tenant, code="eu2"),
        lambda: actions.change_region_settings(actor=tenant, region=region, settings={}),
        lambda: actions.replace_kubeconfig(actor=tenant, region=region, kubeconfig=None),
    ):
        with pytest.raises(NotPermitted):
            refused()
    local = make_region("here", backend="process")
    with pytest.raises(Conflict):
        actions.change_region_settings(actor=staff, region=local, settings={})
    with pytest.raises(Conflict):
        actions.replace_kubeconfig(actor=staff, region=local, kubeconfig=None)


# -- what can be ordered --------------------------------------------------------------------------


def postgresql():
    return registry.entries()["postgresql"]


def test_nothing_can_be_ordered_before_a_look_at_what_is_set_now(staff, backend):
    region = add(staff)
    assert orderable(postgresql(), region).code == "not-looked-at"
    assert orderable(postgresql(), check_region(region)).ok
    for changed in (
        actions.change_region_settings(actor=staff, region=region, settings={}),
        actions.replace_kubeconfig(actor=staff, region=region, kubeconfig=kubeconfig()),
    ):
        assert orderable(postgresql(), changed).code == "not-looked-at"


def test_tenants_read_that_it_is_not_offered_and_not_what_the_cluster_lacks(staff, backend):
    missing = ("operator-missing", {"kinds": "Cluster (postgresql.cnpg.io/v1)"})
    backend.health = Health(True, unavailable={"postgresql": missing})
    answer = orderable(postgresql(), check_region(add(staff)))
    assert (answer.code, answer.reason) == (
        "operator-missing",
        "PostgreSQL is not offered in EU 1.",
    )
    assert "cnpg" not in answer.hint


def test_what_was_known_stays_while_the_cluster_is_away(staff, backend):
    why = ("setting-missing", {"settings": "issuer"})
    backend.health = Health(True, unavailable={"postgresql": why}, facts={"version": "v1.36.3"})
    region = check_region(add(staff))
    backend.health = Temporary("region-unreachable", detail="ConnectTimeoutError")
    region = check_region(region)
    assert (region.healthy, region.detail) == (False, "region-unreachable")
    assert region.facts == {"version": "v1.36.3", "said": "ConnectTimeoutError"}
    assert orderable(postgresql(), region).code == "setting-missing"
    backend.health = Health(True, facts={"version": "v1.36.4"})
    assert check_region(region).facts == {"version": "v1.36.4"}


# -- the command ----------------------------------------------------------------------------------


def run(*arguments):
    out = io.StringIO()
    call_command("region", *arguments, stdout=out)
    return out.getvalue()


NEW = ("add", "eu1", "--name", "EU 1", "--country", "NL")


def test_a_cluster_is_added_looked_at_and_listed(db, backend, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "config").write_text(kubeconfig())
    (tmp_path / "keys").write_text("AWS_ACCESS_KEY_ID=AKIA1\nAWS_SECRET_ACCESS_KEY=s3cr3t-key\n")
    backend.health = Health(
        True,
        unavailable={"redis": ("setting-missing", {"settings": "issuer,domain"})},
        facts={"version": "v1.36.3"},
    )
    settings = [f"--setting={name}={value}" for name, value in FILLED_IN.items()]
    files = ["--kubeconfig", str(tmp_path / "config"), "--backup-keys", str(tmp_path / "keys")]
    said = run(*NEW, *settings, *files, "--context", "one")
    assert "EU 1: answers v1.36.3." in said
    assert "It needs what is not set: Certificate issuer, Domain." in said
    region = Region.objects.get()
    assert clusters.settings_of(region).zones == ("eu1-a", "eu1-b", "eu1-c")
    assert clusters.backup_keys_of(region)["AWS_SECRET_ACCESS_KEY"] == "s3cr3t-key"
    backend.health = Temporary("region-unreachable", detail="ConnectTimeoutError")
    with pytest.raises(CommandError, match="does not answer"):
        run("check", "eu1")
    assert "does not answer" in run("list")
    assert "s3cr3t" not in said + caplog.text + json.dumps(
        list(AuditEvent.objects.values()), default=str
    )


def test_a_kubeconfig_comes_by_the_input_and_may_refer_to_no_file_then(db, backend, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(kubeconfig(user={"tokenFile": "token"})))
    with pytest.raises(CommandError, match="refers to a file"):
        run(*NEW, "--kubeconfig", "-")
    monkeypatch.setattr("sys.stdin", io.StringIO(kubeconfig()))
    run(*NEW, "--kubeconfig", "-")
    assert clusters.context_of(Region.objects.get()) == "one"


def test_the_cluster_that_polder_runs_in_needs_no_kubeconfig(db, backend):
    run(*NEW, "--in-cluster")
    assert clusters.kubeconfig_of(Region.objects.get()) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*NEW, "--in-cluster", "--setting", "colour=blue"), "colour: There is no such setting."),
        ((*NEW, "--in-cluster", "--setting", "issuer"), "NAME=VALUE"),
        ((*NEW, "--kubeconfig", "/nowhere"), "/nowhere cannot be read"),
        (NEW, "--kubeconfig --in-cluster is required"),
        (("check", "nope"), "There is no region “nope”."),
    ],
)
def test_a_command_that_cannot_be_done_says_why(db, arguments, said):
    with pytest.raises(CommandError, match=said):
        run(*arguments)
    assert not Region.objects.exists()


# -- the metrics API -------------------------------------------------------------------------------

METRICS = {"metrics_url": "https://prometheus.test/"}


def token_of(region):
    region.refresh_from_db()
    api = clusters.metrics_of(region)
    return api and api.token


@pytest.mark.django_db
def test_the_token_of_the_metrics_api_is_kept_like_other_secrets(caplog):
    staff = make_staff()
    region = make_region("eu1", backend="kubernetes")

    def change(token="", **settings):
        actions.change_region_settings(
            actor=staff, region=region, settings=settings, metrics_token=Secret(token)
        )
        return token_of(region)

    assert change(TOKEN, **METRICS) == TOKEN
    assert TOKEN not in region.secrets
    assert change(**METRICS, zones="a") == TOKEN  # nothing given: it stays
    assert change(metrics_url="https://prometheus.test/elsewhere") == TOKEN
    assert change(metrics_url="https://other.test") == ""  # it was given for another server
    assert change(TOKEN, **METRICS) == TOKEN
    assert change() is None
    assert change(**METRICS) == ""
    said = json.dumps(list(AuditEvent.objects.values_list("before", "after")))
    assert TOKEN not in said + caplog.text
    assert said.count("metrics_token") == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("settings", "token", "field"),
    [
        ({}, "t", "metrics_url"),
        ({"metrics_url": "http://prometheus.test"}, "t", "metrics_url"),
        (METRICS, "two\nlines", "metrics_token"),
    ],
)
def test_a_token_that_would_go_astray_is_refused(settings, token, field):
    staff = make_staff()
    region = make_region("eu1", backend="kubernetes")
    with pytest.raises(Invalid) as caught:
        actions.change_region_settings(
            actor=staff, region=region, settings=settings, metrics_token=Secret(token)
        )
    assert list(caught.value.fields) == [field]
    assert not clusters.metrics_of(region)
