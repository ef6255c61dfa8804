"""Kubernetes regions: what they are set to, who may set it, and that nobody reads their secrets."""

from __future__ import annotations

import pytest

from portal.kernel.errors import Invalid
from services.regions import clusters
from services.regions.models import Region
from services.spec import BackupStore, RegionSettings

KUBECONFIG = {"kind": "Config", "users": [{"name": "portal", "user": {"token": "s3cr3t-token"}}]}
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


def region_with(settings=None, **secrets):
    row = Region(code="eu1", name="EU1", country="NL", backend="kubernetes")
    row.settings = settings or {}
    row.secrets = clusters.sealed(row, **secrets) if secrets else ""
    return row


# -- settings -------------------------------------------------------------------------------------


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
    again = clusters.filled_in(region_with(first))
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


# -- secrets --------------------------------------------------------------------------------------


def test_secrets_are_kept_encrypted_and_changed_one_by_one():
    region = region_with(clusters.clean_settings(FILLED_IN), kubeconfig=KUBECONFIG, context="one")
    region.secrets = clusters.sealed(region, backup_keys=KEYS)
    assert "s3cr3t" not in region.secrets
    assert clusters.kubeconfig_of(region) == KUBECONFIG
    assert clusters.context_of(region) == "one"
    assert clusters.backup_keys_of(region) == KEYS | {"AWS_REGION": "eu-1"}


def test_without_a_kubeconfig_it_is_the_cluster_that_polder_runs_in():
    region = region_with()
    assert clusters.kubeconfig_of(region) == {}
    assert clusters.context_of(region) is None
    assert clusters.backup_keys_of(region) == {}
