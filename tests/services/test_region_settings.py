"""What staff fills in of a cluster, and what is kept of its kubeconfig."""

from __future__ import annotations

import base64
import json
from copy import deepcopy

import pytest

from portal.kernel.errors import Invalid
from services.regions import clusters, kubeconfigs
from services.spec import BackupStore, RegionSettings, Secret
from tests.services.test_regions_kubernetes import (
    FILLED_IN,
    PEM,
    RAW,
    TOKEN,
    kubeconfig,
    region_with,
)


def test_what_is_filled_in_is_what_renderers_see():
    region = region_with(clusters.clean_settings(FILLED_IN))
    store = BackupStore("https://s3.example.com", "backups", "eu-1")
    assert clusters.settings_of(region) == RegionSettings(
        "fast", "letsencrypt", "eu1.example.com", ("eu1-a", "eu1-b", "eu1-c"), store, True
    )
    assert clusters.drift_policy(region) == "correct"
    assert clusters.resync_minutes(region) == 15


def test_a_form_gets_back_what_it_gave():
    first = clusters.clean_settings(FILLED_IN)
    again = clusters.filled_in(first)
    assert set(again) == set(clusters.FIELDS)
    assert clusters.clean_settings(again) == first


def test_what_is_not_set_is_off():
    for region in (region_with(), region_with(clusters.clean_settings({}))):
        assert clusters.settings_of(region) == RegionSettings()
        assert clusters.drift_policy(region) == "show"
        assert clusters.resync_minutes(region) == 30


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("storage_class", "Fast Disk"),
        ("issuer", "-x"),
        ("domain", "localhost"),
        ("zones", "a,a"),
        ("zones", "ü"),
        ("backup_endpoint", "s3.example.com"),
        ("backup_endpoint", "https://user:pass@s3.example.com"),
        ("backup_endpoint", "https://s3.example.com:port"),
        ("backup_endpoint", "https://s3.example.com/?X-Amz-Signature=1"),
        ("backup_bucket", "B"),
        ("backup_bucket", ""),
        ("backup_region", "eu 1"),
        ("external", "perhaps"),
        ("drift", "ignore"),
        ("resync_minutes", "0"),
        ("resync_minutes", "often"),
        ("colour", "blue"),
    ],
)
def test_a_wrong_setting_is_named(field, value):
    with pytest.raises(Invalid) as refused:
        clusters.clean_settings(FILLED_IN | {field: value})
    assert set(refused.value.fields) == {field}


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(Invalid) as refused:
        clusters.clean_settings({"issuer": "A B", "drift": "?", "backup_bucket": "backups"})
    assert set(refused.value.fields) == {"issuer", "drift", "backup_endpoint"}


def test_of_a_kubeconfig_only_what_one_context_needs_is_kept():
    kept = kubeconfigs.clean(kubeconfig())
    assert kept["clusters"][0]["cluster"] == RAW["clusters"][0]["cluster"]
    assert kept["users"][0]["user"] == {"token": TOKEN}
    assert kept["current-context"] == "one"
    assert kubeconfigs.server_of(kept) == "https://a:6443"
    other = kubeconfigs.clean(kubeconfig(), "two")
    assert other["users"][0]["user"] == RAW["users"][1]["user"]
    assert TOKEN not in json.dumps(other)
    assert other["clusters"][0]["cluster"] == RAW["clusters"][1]["cluster"]


def test_a_kubeconfig_as_kubectl_writes_it_is_read():
    text = f"""
apiVersion: v1
clusters:
- cluster: {{server: "https://c:6443", certificate-authority-data: {PEM}}}
  name: c
contexts:
- context: {{cluster: c, user: u}}
  name: here
current-context: here
users:
- name: u
  user: {{token: {TOKEN}}}
"""
    assert kubeconfigs.clean(Secret(text))["users"][0]["user"] == {"token": TOKEN}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (Secret("no kubeconfig"), "This is no kubeconfig"),
        (Secret(f"clusters: [\n token: {TOKEN}\n - }}"), "This is no kubeconfig"),
        (Secret("&a [*a"), "This is no kubeconfig"),
        (Secret("x" * 300_000), "This is no kubeconfig"),
        (kubeconfig(user={"exec": {"command": "aws", "args": [TOKEN]}}), "signs in with “exec”"),
        (
            kubeconfig(user={"token": TOKEN, "auth-provider": {"name": "oidc"}}),
            "signs in with “auth-provider”",
        ),
        (kubeconfig(user={"token": TOKEN, "as": "admin"}), "acts as somebody else"),
        (kubeconfig(user={"tokenFile": "/var/token"}), "refers to a file (“tokenFile”)"),
        (kubeconfig(user={"username": "u", "password": TOKEN}), "neither a token nor"),
        (kubeconfig(user={"client-certificate-data": PEM}), "neither a token nor"),
        (kubeconfig(cluster={"server": "http://a:8080"}), "must begin with https://"),
        (kubeconfig(cluster={"insecure-skip-tls-verify": True}), "does not check"),
        (kubeconfig(cluster={"certificate-authority-data": TOKEN}), "PEM in base64"),
        (kubeconfig(users=[{"name": "x"}, {}], clusters=RAW["clusters"]), "does not have"),
    ],
    ids=lambda value: value[:24] if type(value) is str else "",
)
def test_a_kubeconfig_that_cannot_be_kept_is_refused_without_quoting_it(text, said):
    with pytest.raises(Invalid) as refused:
        kubeconfigs.clean(text)
    assert said in refused.value.fields["kubeconfig"]
    assert TOKEN not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "context", "said"),
    [
        (kubeconfig(), "three", "no context “three”; there are: one, two."),
        (kubeconfig(**{"current-context": ""}), "", "Name a context; there are: one, two."),
    ],
)
def test_a_context_that_is_not_there_is_named(text, context, said):
    with pytest.raises(Invalid) as refused:
        kubeconfigs.clean(text, context)
    assert said in refused.value.fields["context"]


def test_files_that_a_kubeconfig_names_are_put_in(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(PEM))
    raw = deepcopy(RAW)
    raw["clusters"][0]["cluster"] = {"server": "https://a", "certificate-authority": "ca.crt"}
    raw["users"][0]["user"] = {"tokenFile": str(tmp_path / "token")}
    kept = kubeconfigs.clean(Secret(json.dumps(raw)), folder=tmp_path)
    assert kept["clusters"][0]["cluster"]["certificate-authority-data"] == PEM
    assert kept["users"][0]["user"] == {"token": TOKEN}
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(Invalid, match="“certificate-authority” cannot be read"):
        kubeconfigs.clean(Secret(json.dumps(raw)), folder=tmp_path)
