"""Containers and functions as Knative shows them."""

from __future__ import annotations

from typing import Any

import pytest

from services.spec import Entry, InstanceSpec, Live, Observed, Secret
from tests.contracts.made_up import ENTRIES, each, made_up_spec
from tests.contracts.manifests import BARE, RICH, renderer

BOTH = {slug: ENTRIES[slug] for slug in ("serverless-containers", "functions")}
URL = "https://sc-7f3a9c21.polder-pj-00000001.fn.eu-1.example.eu"
ENTRY = ENTRIES["serverless-containers"]


def spec(entry: Entry = ENTRY, **changes: Any) -> InstanceSpec:
    parameters = changes.pop("parameters", {})
    first = made_up_spec(entry)
    return made_up_spec(entry, parameters={**first.parameters, **parameters}, **changes)


def live(
    ready: str, made: str, routes: str, *, seen: int = 2, newest: str = "2", serving: str = "2"
) -> Live:
    """Each condition is its status, with its reason behind a slash."""
    said = {"Ready": ready, "ConfigurationsReady": made, "RoutesReady": routes}
    return {
        renderer(ENTRY).watched(spec())[0]: {
            "metadata": {"generation": 2},
            "status": {
                "observedGeneration": seen,
                "url": URL,
                "latestCreatedRevisionName": newest,
                "latestReadyRevisionName": serving,
                "conditions": [
                    {"type": t, "status": s.partition("/")[0], "message": f"{t}: {s}"}
                    for t, s in said.items()
                ],
            },
        }
    }


@pytest.mark.parametrize(
    ("found", "observed", "detail"),
    [
        (live("Unknown/OutOfDate", "Unknown", "Unknown", seen=1), Observed.PROGRESSING, "Ready"),
        (live("True", "True", "True", seen=1), Observed.PROGRESSING, "Ready"),
        (live("Unknown/RevisionMissing", "Unknown", "Unknown"), Observed.PROGRESSING, "Ready"),
        (live("Unknown/IngressNotConfigured", "True", "Unknown"), Observed.PROGRESSING, "Ready"),
        (live("True", "True", "True"), Observed.READY, ""),
        (live("True", "True", "True", newest="3"), Observed.PROGRESSING, "Ready"),
        (
            live("False/RevisionMissing", "False/RevisionFailed", "False", serving=""),
            Observed.FAILED,
            "ConfigurationsReady: False/RevisionFailed",
        ),
        (
            live("False/RevisionFailed", "False/RevisionFailed", "True", newest="3"),
            Observed.DEGRADED,
            "ConfigurationsReady: False/RevisionFailed",
        ),
        (
            live("False/CertificateProvisionFailed", "True", "False"),
            Observed.PROGRESSING,
            "Ready: False/CertificateProvisionFailed",
        ),
    ],
)
def test_what_is_seen(found: Live, observed: Observed, detail: str) -> None:
    seen = renderer(ENTRY).observe(spec(), RICH, found)
    assert seen.observed == observed
    assert seen.detail.startswith(detail)


def test_what_is_paused_is_not_ready() -> None:
    found = live("True", "True", "True")
    assert renderer(ENTRY).observe(spec(paused=True), RICH, found).observed == Observed.PAUSED


INSIDE = "http://sc-7f3a9c21.polder-pj-00000001.svc.cluster.local"
HIDDEN = {"networking.knative.dev/visibility": "cluster-local"}


@pytest.mark.parametrize(
    ("labels", "url", "observed"),
    [
        ({}, URL, Observed.READY),
        ({}, INSIDE, Observed.PROGRESSING),
        (HIDDEN, URL, Observed.PROGRESSING),
        (HIDDEN, INSIDE, Observed.READY),
    ],
)
def test_it_is_ready_when_its_address_is_the_one_that_was_asked_for(
    labels: dict[str, str], url: str, observed: Observed
) -> None:
    found = live("True", "True", "True")
    (service,) = found.values()
    service["metadata"]["labels"] = labels
    service["status"]["url"] = url
    assert renderer(ENTRY).observe(spec(), RICH, found).observed == observed


def test_the_address_is_knatives_own() -> None:
    found = live("True", "True", "True")
    (endpoint,) = renderer(ENTRY).observe(spec(), RICH, found).endpoints
    assert (endpoint.uri, endpoint.port, endpoint.tls) == (URL, 443, True)
    given = renderer(ENTRY).credentials(spec(), RICH, found)
    assert given.env == {"SERVICE_URL": URL, "SERVICE_TOKEN": "hushpasswordhush"}


def service(wanted: InstanceSpec, entry: Entry = ENTRY, region: Any = RICH) -> dict[str, Any]:
    return renderer(entry).manifests(wanted, region)[-1]


@each(BOTH)
@pytest.mark.parametrize(
    ("region", "changes", "public"),
    [
        (RICH, {"parameters": {"public": True}}, True),
        (RICH, {}, False),
        (BARE, {"parameters": {"public": True}}, False),
        (RICH, {"parameters": {"public": True}, "paused": True}, False),
    ],
)
def test_it_is_public_only_where_that_was_ordered(
    entry: Entry, region: Any, changes: dict[str, Any], public: bool
) -> None:
    made = service(spec(entry, **changes), entry, region)["metadata"]
    assert ("labels" not in made) == public


def test_the_least_is_never_above_the_most() -> None:
    """Knative's webhook would refuse it."""
    made = service(spec(parameters={"min_scale": 9, "max_scale": 2}))
    marks = made["spec"]["template"]["metadata"]["annotations"]
    scale = "autoscaling.knative.dev/{}-scale"
    assert (marks[scale.format("min")], marks[scale.format("max")]) == ("2", "2")


def test_another_token_makes_another_revision() -> None:
    templates = [
        service(spec(secrets={"password": Secret(word)}))["spec"]["template"] for word in "ab"
    ]
    assert templates[0]["metadata"] != templates[1]["metadata"]
    assert templates[0]["spec"] == templates[1]["spec"]
