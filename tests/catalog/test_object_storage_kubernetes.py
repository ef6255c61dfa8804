"""Buckets as Rook shows them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from services.manifests.objects import CONFIG_MAP, SECRET
from services.spec import InstanceSpec, Live, Observed, Ref
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE, renderer

ENTRY = ENTRIES["object-storage"]
RENDERER = renderer(ENTRY)
CLAIM = RENDERER.KINDS[0]


def spec(layout: str = "single", **parameters: str) -> InstanceSpec:
    return made_up_spec(ENTRY, parameters={"bucket": "data", "layout": layout, **parameters})


def live(wanted: InstanceSpec, *phases: str, port: str = "443") -> Live:
    """The claims in these phases; what Rook makes for those that are bound."""
    claims = [ref for ref in RENDERER.watched(wanted) if ref.kind == CLAIM]
    found: dict[Ref, Any] = {}
    for ref, phase in zip(claims, phases, strict=True):
        found[ref] = {"status": {"phase": phase}} if phase else {}
        if phase == "Bound":
            found[Ref(SECRET, ref.name)] = {
                "data": {"AWS_ACCESS_KEY_ID": text("K"), "AWS_SECRET_ACCESS_KEY": text("S")}
            }
            found[Ref(CONFIG_MAP, ref.name)] = {
                "data": {
                    "BUCKET_HOST": "s3.eu-1.example.eu",
                    "BUCKET_PORT": port,
                    "BUCKET_NAME": f"{ref.name}-in-full",
                    "BUCKET_REGION": "",
                }
            }
    return found


def text(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


@pytest.mark.parametrize(
    ("layout", "phases", "observed", "detail"),
    [
        ("single", [""], Observed.PROGRESSING, "ob-7f3a9c21: Pending"),
        ("single", ["Pending"], Observed.PROGRESSING, "ob-7f3a9c21: Pending"),
        ("single", ["Bound"], Observed.READY, ""),
        ("single", ["Released"], Observed.FAILED, "ob-7f3a9c21: Released"),
        ("lake", ["Bound", "Bound", "Pending", "Bound"], Observed.PROGRESSING, None),
        ("lake", ["Bound", "Released", "Bound", "Bound"], Observed.FAILED, None),
        ("lake", ["Bound"] * 4, Observed.READY, ""),
    ],
)
def test_it_is_ready_when_every_bucket_is_bound(
    layout: str, phases: list[str], observed: Observed, detail: str | None
) -> None:
    wanted = spec(layout)
    seen = RENDERER.observe(wanted, BARE, live(wanted, *phases))
    assert seen.observed == observed
    assert detail in (None, seen.detail)


def test_bound_without_the_place_of_the_store_is_not_ready_yet() -> None:
    found = {Ref(CLAIM, "ob-7f3a9c21"): {"status": {"phase": "Bound"}}}
    assert RENDERER.observe(spec(), BARE, found).observed == Observed.PROGRESSING


@pytest.mark.parametrize(
    ("port", "uri", "tls"),
    [
        ("443", "https://s3.eu-1.example.eu:443", True),
        ("80", "http://s3.eu-1.example.eu:80", False),
    ],
)
def test_the_endpoint_is_the_stores_own(port: str, uri: str, tls: bool) -> None:
    (endpoint,) = RENDERER.observe(spec(), BARE, live(spec(), "Bound", port=port)).endpoints
    assert (endpoint.uri, endpoint.tls) == (uri, tls)


def test_each_bucket_of_a_lake_has_a_key_and_its_share() -> None:
    wanted = spec("lake")
    made = RENDERER.manifests(wanted, BARE)
    shares = [claim["spec"]["additionalConfig"]["maxSize"] for claim in made]
    assert shares == ["2560Mi"] * 4
    given = RENDERER.credentials(wanted, BARE, live(wanted, *["Bound"] * 4))
    assert (given.username, given.password, given.database) == ("K", "S", "ob-7f3a9c21-in-full")
    assert given.env["S3_BUCKET_CURATED"] == "ob-7f3a9c21-curated-in-full"
    assert given.env["AWS_SECRET_ACCESS_KEY_RAW"] == "S"
    assert given.env["AWS_DEFAULT_REGION"] == "us-east-1"


def test_a_long_name_keeps_the_end_that_says_which_bucket_it_is() -> None:
    made = RENDERER.manifests(spec("lake", bucket="a" * 40), BARE)
    names = [claim["spec"]["generateBucketName"] for claim in made]
    assert names == ["a" * 26, f"{'a' * 22}-raw", f"{'a' * 16}-processed", f"{'a' * 18}-curated"]
