"""Rotation of the key that secrets are stored under."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken

from portal.embedded import environment, keys
from portal.embedded.refusal import Refusal
from portal.kernel import crypto
from services.instances.models import Credential
from services.regions.models import Region
from tests.makers import make_instance, make_project, make_region

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Path:
    settings.POLDER_SECRET_KEYS = [crypto.new_key()]
    environment.write(
        tmp_path / "environment",
        {"A": "1", "POLDER_SECRET_KEYS": settings.POLDER_SECRET_KEYS[0], "Z": "2"},
    )
    return tmp_path


@pytest.fixture
def credential(home: Path, fake: Any, prices: None) -> Credential:
    instance = make_instance(make_project(), make_region())
    row = Credential.objects.filter(instance=instance).first()
    assert row is not None
    row.next_value = crypto.encrypt("the next one")
    row.save()
    return row


def test_rotation_writes_every_secret_under_a_new_key(
    home: Path, credential: Credential, settings: Any
) -> None:
    old, plain = settings.POLDER_SECRET_KEYS[0], crypto.decrypt(credential.value)
    region = credential.instance.region
    Region.objects.update(secrets=crypto.encrypt("a kubeconfig"))
    count = keys.rotate(home, keep=False)
    assert count == Credential.objects.count() + 1
    values = environment.read(home / "environment")
    new = values["POLDER_SECRET_KEYS"]
    assert new != old
    assert "," not in new
    assert (values["A"], values["Z"]) == ("1", "2")
    credential.refresh_from_db()
    assert Fernet(new).decrypt(credential.value.encode()).decode() == plain
    assert Fernet(new).decrypt(credential.next_value.encode()).decode() == "the next one"
    region.refresh_from_db()
    assert Fernet(new).decrypt(region.secrets.encode()).decode() == "a kubeconfig"
    with pytest.raises(InvalidToken):
        Fernet(old).decrypt(credential.value.encode())


def test_old_keys_stay_when_asked(home: Path, settings: Any) -> None:
    old = settings.POLDER_SECRET_KEYS[0]
    keys.rotate(home, keep=True)
    new, *rest = environment.read(home / "environment")["POLDER_SECRET_KEYS"].split(",")
    assert rest == [old]
    assert [new, old] == settings.POLDER_SECRET_KEYS


def test_keys_of_the_process_environment_are_not_ours_to_change(home: Path, settings: Any) -> None:
    settings.POLDER_SECRET_KEYS = [crypto.new_key()]
    before = (home / "environment").read_text()
    with pytest.raises(Refusal, match="--rewrite"):
        keys.rotate(home, keep=False)
    assert (home / "environment").read_text() == before


def test_the_new_key_is_on_disk_before_any_secret_needs_it(
    home: Path, credential: Credential, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle, every secret can still be read with what the file holds."""

    def killed() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(keys, "rewrite", killed)
    with pytest.raises(KeyboardInterrupt):
        keys.rotate(home, keep=False)
    settings.POLDER_SECRET_KEYS = environment.read(home / "environment")[
        "POLDER_SECRET_KEYS"
    ].split(",")
    assert crypto.decrypt(credential.value)
