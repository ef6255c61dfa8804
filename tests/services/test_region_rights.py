"""Rights in a region's cluster follow from the catalogue; so does the table of operators."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from django.core.management import call_command

from services import registry
from services.backends.kubernetes import rights
from services.spec import Entry, Kind, Kubernetes
from tests.contracts import manifests

ROOT = Path(__file__).parents[2]
REGION = ROOT / "deploy" / "region"
ENTRIES = registry.entries().values()
PLURALS = {"NetworkPolicy": "networkpolicies"}
APPLY = {"get", "create", "patch", "delete"}


def role(file: str, name: str) -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((REGION / file).read_text())
    return next(
        document["rules"]
        for document in documents
        if (document["kind"], document["metadata"]["name"]) == ("ClusterRole", name)
    )


def needing(*kinds: Kind) -> Entry:
    offering = registry.get("postgresql").offering
    return Entry(offering, cast(Kubernetes, SimpleNamespace(KINDS=kinds)))


def test_the_role_names_every_operator_of_the_catalogue() -> None:
    rules = role("operators.yaml", "polder-operators")
    missing = rights.groups(ENTRIES) - set(rules[0]["apiGroups"])
    assert not missing, (
        "python manage.py region_rights > deploy/region/operators.yaml; "
        f"it does not name {sorted(missing)}"
    )
    assert rules == rights.operators(rules[0]["apiGroups"])["rules"]


def test_the_documentation_says_where_every_operator_comes_from() -> None:
    table = (ROOT / "docs" / "kubernetes.md").read_text().partition("### Operators")[2]
    named = set(re.findall(r"`([a-z0-9.-]+)`", table))
    assert rights.groups(ENTRIES) - named == set(), "add a line to docs/kubernetes.md, Operators"


def test_every_object_that_is_rendered_may_be_made_and_deleted() -> None:
    """Of an operator's group all kinds may; of Kubernetes' own those that are listed."""
    given = set(role("operators.yaml", "polder-operators")[0]["apiGroups"])
    listed = {
        (group, kind)
        for rule in role("rights.yaml", "polder-project")
        if set(rule["verbs"]) >= APPLY
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    }
    made = {
        (manifest["apiVersion"].rpartition("/")[0], manifest["kind"])
        for entry in ENTRIES
        if entry.kubernetes
        for _, spec, region in manifests.specs(entry)
        for manifest in entry.kubernetes.manifests(spec, region)
    }
    lacking = {
        (group, kind)
        for group, kind in made
        if group not in given and (group, PLURALS.get(kind, f"{kind.lower()}s")) not in listed
    }
    assert lacking == set(), "deploy/region/rights.yaml, polder-project, does not name it"


def test_an_offering_brings_the_rights_on_its_operators() -> None:
    entry = needing(Kind("ps.percona.com/v1", "PerconaServerMySQL"))
    assert "ps.percona.com" in rights.groups([entry])


@pytest.mark.parametrize(
    "api",
    ["v1", "apps/v1", "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"],
)
def test_no_offering_brings_rights_on_kubernetes_own(api: str) -> None:
    assert rights.groups([needing(Kind(api, "Something"))]) == rights.groups([])


def test_the_command_prints_the_role() -> None:
    out = StringIO()
    call_command("region_rights", stdout=out)
    assert yaml.safe_load(out.getvalue()) == rights.operators(rights.groups(ENTRIES))
