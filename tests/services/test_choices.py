"""What can be chosen depends on where the service runs, and says why where it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from portal.kernel.errors import Invalid
from services import registry
from services.instances import admission
from services.instances.admission import Wanted
from services.regions.models import Region
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]
OPEN = {"external": True, "domain": "eu-1.example.eu"}
STORE = {"backup_store": {"endpoint": "https://s3.example.eu", "bucket": "backups", "region": ""}}
NO_WAY_IN = "Nothing in Eu can be reached from the internet."
NO_MEANING = "This setting means nothing in Eu."


def admitted(region: Region, offering: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What would be ordered. Raises: Invalid."""
    wanted = Wanted(
        project=make_project(),
        region=region,
        entry=registry.get(offering),
        name="one",
        parameters=parameters,
    )
    return admission.admit_order(wanted).parameters


def fault(region: Region, offering: str, parameters: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        admitted(region, offering, parameters)
    return {name.removeprefix("parameters."): text for name, text in caught.value.fields.items()}


PUBLIC = {"public": True}
CLUSTER = {"public": True, "mode": "cluster"}
ISSUER = OPEN | {"issuer": "own"}


@pytest.mark.parametrize(
    ("settings", "offering", "parameters", "said"),
    [
        ({}, "postgresql", PUBLIC, {"public": NO_WAY_IN}),
        ({"external": True}, "postgresql", PUBLIC, {"public": NO_WAY_IN}),
        ({"domain": "eu-1.example.eu"}, "functions", PUBLIC, {"public": NO_WAY_IN}),
        (OPEN, "redis", PUBLIC, {"public": "Eu has no certificates for it."}),
        (
            ISSUER,
            "redis",
            CLUSTER,
            {"public": "This does nothing where “How nodes share the data” is “cluster”."},
        ),
        (OPEN, "mariadb", {"backup_days": 14}, {"backup_days": "Eu has no store for backups."}),
        ({}, "mariadb", {"backup_days": 99}, {"backup_days": "Give a whole number from 7 to 35."}),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(
    settings: Any, offering: str, parameters: Any, said: Any
) -> None:
    region = make_region("eu", backend="kubernetes", settings=settings)
    assert fault(region, offering, parameters) == said


@pytest.mark.parametrize(
    ("settings", "offering", "parameters"),
    [
        (OPEN, "postgresql", PUBLIC),
        (ISSUER, "redis", PUBLIC),
        (STORE, "mariadb", {"backup_days": 14}),
        ({}, "kubernetes", {"gpu_workers": 4, "gpu": "l4"}),
        ({}, "postgresql", {"public": False, "backup_days": 7}),
    ],
)
def test_what_it_can_is_taken(settings: Any, offering: str, parameters: Any) -> None:
    region = make_region("eu", backend="kubernetes", settings=settings)
    assert parameters.items() <= admitted(region, offering, parameters).items()


@pytest.mark.parametrize(
    ("offering", "parameters"),
    [("postgresql", PUBLIC), ("postgresql", {"backup_days": 14}), ("redis", {"mode": "cluster"})],
)
def test_what_only_clusters_know_is_refused_on_one_machine(offering: str, parameters: Any) -> None:
    region = make_region("eu", backend="process")
    assert fault(region, offering, parameters) == dict.fromkeys(parameters, NO_MEANING)
    defaults = {"public": False, **({"backup_days": 7} if offering == "postgresql" else {})}
    assert defaults.items() <= admitted(region, offering, defaults).items()


def test_what_was_chosen_stays_or_is_taken_back() -> None:
    """The region has lost its way in since."""
    instance = make_instance(make_project(), make_region("eu"))
    instance.region.backend = Region.Backend.KUBERNETES
    instance.parameters = {**instance.parameters, "public": True}
    entry = registry.get("postgresql")
    for sent in ({"public": True, "work_mem_mib": 8}, {"public": False}):
        found = admission.admit_change(instance, entry, raw_parameters=sent)
        assert sent.items() <= found.parameters.items()
    instance.parameters = {**instance.parameters, "public": False}
    with pytest.raises(Invalid) as caught:
        admission.admit_change(instance, entry, raw_parameters=PUBLIC)
    assert caught.value.fields == {"parameters.public": NO_WAY_IN}
