"""A service is one folder and no edit elsewhere: one is written outside the repository, found,
shown, priced, ordered and run.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import escape

from billing.models import Order
from portal.kernel.actor import SYSTEM
from services import catalog, registry
from services.catalog import databases
from services.instances import actions, credentials
from services.instances.models import Instance, Operation
from services.instances.states import OPEN
from services.spec import Credentials
from tests.contracts import publish, test_offerings, test_rendering
from tests.makers import drive, make_member, make_project, make_region, order
from tests.portal.api import Api
from tests.services.engines.conftest import ensure_engine

OFFERING = '''
"""A throw-away cache."""

from decimal import Decimal

from services.spec import Family, Offering, Parameter, Plan, Version, gettext_noop

OFFERING = Offering(
    slug="{slug}",
    prefix="{prefix}",
    symbol="Tw",
    name="Throw-away cache",
    family=Family("{family}"),
    summary=gettext_noop("Key-value store of a test"),
    description=gettext_noop("It lives as long as its test."),
    licence="BSD-3-Clause",
    price_class="database.valkey",
    sla_class="database",
    versions=(Version("1"),),
    plans=(Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=1),),
    parameters=(
        Parameter(
            "databases",
            gettext_noop("Databases"),
            "integer",
            default=4,
            minimum=1,
            maximum=16,
        ),
    ),
)
'''
PROCESS = '''
"""Valkey with one password, by the engine that another offering's folder defines."""

from services.spec import Capability, Credentials, Endpoint, File, Listener, ProcessSpec, Secret
from services.spec import Talk

LISTENERS = (Listener("client"),)
ALSO = ()
CAPABILITIES = frozenset({Capability.PAUSE, Capability.ROTATE, Capability.LOGS})


def engine(version):
    return {"1": "valkey-9"}[version]


def prepare(place):
    return ()


def process(spec, place):
    port, password = place.ports["client"], spec.secrets["password"]
    where = f"{place.host}:{port}"
    uri = Secret(f"redis://default:{password}@{where}/0")
    lines = [
        f"bind {place.host}",
        f"port {port}",
        f"dir {place.data}",
        f"databases {spec.parameters['databases']}",
        f"requirepass {password}",
        "appendonly yes",
    ]
    return ProcessSpec(
        argv=[f"{place.home}/valkey-server", f"{place.config}/valkey.conf"],
        files=(File("valkey.conf", Secret("\\n".join(lines) + "\\n")),),
        ready=Talk(port, Secret(f"AUTH {password}\\r\\nPING\\r\\n"), r"\\+PONG"),
        endpoints=(Endpoint("client", "redis", place.host, port, f"redis://{where}/0", False),),
        credentials=Credentials(
            "default", password, uri, place.host, port, env={"REDIS_URL": uri}
        ),
    )
'''


def write_offering(root: Path, family: str, slug: str, prefix: str) -> None:
    """The whole of what a provider writes."""
    folder = root / family / slug
    folder.mkdir(parents=True)
    (root / family / "__init__.py").touch()
    (folder / "__init__.py").touch()
    words = {"family": family, "slug": slug, "prefix": prefix}
    offering = OFFERING
    for name, word in words.items():
        offering = offering.replace(f"{{{name}}}", word)
    (folder / "offering.py").write_text(dedent(offering).lstrip())
    (folder / "process.py").write_text(dedent(PROCESS).lstrip())
    (folder / "guide.md").write_text("# Throw-away cache\n\nAsk for **a biscuit**.\n")


@contextmanager
def beside(root: Path) -> Iterator[Path]:
    """A catalogue directory beside the product's own, which is as before afterwards."""
    paths = {module: list(module.__path__) for module in (catalog, databases)}
    write_offering(root, "databases", "throwaway", "tw")
    write_offering(root, "iot", "crate", "cr")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POLDER_CATALOG_PATH", os.pathsep.join([str(root), ""]))
            registry.forget()
            yield root
    finally:
        for module, path in paths.items():
            module.__path__[:] = path
        for name in [n for n in sys.modules if n.startswith(OURS)]:
            parent, _, last = name.rpartition(".")
            del sys.modules[name]
            if hasattr(sys.modules.get(parent), last):
                delattr(sys.modules[parent], last)
        registry.forget()


OURS = (f"{catalog.__name__}.databases.throwaway", f"{catalog.__name__}.iot")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with beside(tmp_path) as found:
        yield found


def test_the_folder_is_found_and_leaves_no_trace(tmp_path: Path) -> None:
    registry.forget()
    before = dict(registry.entries())
    with beside(tmp_path):
        now = registry.entries()
        assert set(now) - set(before) == {"throwaway", "crate"}
        assert now["throwaway"].folder == tmp_path / "databases" / "throwaway"
        # Of a family that the product has no folder for.
        assert now["crate"].offering.family == "iot"
    assert set(registry.entries()) == set(before)
    assert not [name for name in sys.modules if name.startswith(OURS)]


def test_the_contract_tests_would_take_it(folder: Path) -> None:
    entry = registry.get("throwaway")
    for check in (
        test_offerings.test_slug_prefix_and_texts,
        test_offerings.test_plan_ids_say_what_the_plan_is,
        test_offerings.test_every_version_runs_somewhere,
        test_rendering.test_every_listener_is_on_loopback,
        test_rendering.test_secrets_stand_in_files_and_sockets_only,
        test_rendering.test_credentials_hold_the_password_and_endpoints_do_not,
    ):
        check(entry)
    assert "throwaway" not in publish.read()["offerings"]
    assert publish.broken(publish.read(), publish.current()) == []
    assert "throwaway" in publish.added(publish.read(), publish.current())["offerings"]


@pytest.mark.django_db
@pytest.mark.usefixtures("prices", "fake", "plain_static")
def test_it_is_shown_and_priced(folder: Path, client: Any) -> None:
    project = make_project()
    make_region()
    user = make_member(project)
    client.force_login(user)

    page = client.get(reverse("console:catalogue"), {"q": "throw-away"}).content.decode()
    assert "Throw-away cache" in page
    assert escape("Key-value store of a test") in page
    assert reverse("console:offering", args=["throwaway"]) in page
    page = client.get(reverse("console:offering", args=["throwaway"])).content.decode()
    assert "biscuit" in page
    assert "dev-1x1" in page
    assert client.get(reverse("console:order", args=["throwaway"])).status_code == 200

    listed = {o["slug"]: o for o in Api(user).get("offerings?family=databases").json()["results"]}
    assert listed["throwaway"]["name"] == "Throw-away cache"
    one = Api(user).get("offerings/throwaway").json()
    assert one == listed["throwaway"]
    assert "databases" in str(one["parameters"])


@pytest.mark.django_db
@pytest.mark.usefixtures("prices", "fake")
def test_it_is_ordered_on_the_fake_backend(folder: Path) -> None:
    project, region = make_project(), make_region()
    operation = drive(order(project, region, offering="throwaway", parameters={"databases": 2}))
    assert operation.state == "succeeded"
    instance = operation.instance
    assert instance.public_id.startswith("tw-")
    assert instance.parameters == {"databases": 2}
    assert Order.objects.get().quote["plan"] == "dev-1x1"


@pytest.mark.django_db
@pytest.mark.usefixtures("prices", "fake")
def test_it_is_ordered_by_the_api(folder: Path) -> None:
    project = make_project(slug="throw")
    make_region()
    api = Api(make_member(project))
    wanted = {"offering": "throwaway", "name": "mine", "region": "local"}
    answer = api.post("projects/throw/instances", wanted)
    assert answer.status_code == 202, answer.content
    wrong = api.post(
        "projects/throw/instances", {**wanted, "name": "other", "parameters": {"databases": 17}}
    )
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/parameters/databases"


# -- on a real server ------------------------------------------------------------------------------


@pytest.mark.engine
@pytest.mark.django_db
@pytest.mark.usefixtures("prices")
def test_it_is_ordered_and_runs(folder: Path, home: Path) -> None:
    ensure_engine("valkey-9")
    region = make_region(backend="process")
    operation = finished(order(make_project(), region, offering="throwaway"))
    assert operation.state == "succeeded", (operation.error_code, operation.error)
    instance = fresh(operation)
    try:
        first = credentials.reveal_credentials(SYSTEM, instance)
        assert ask(first, "SET word kept") == "+OK"
        assert finished(actions.pause(actor=SYSTEM, instance=instance)).state == "succeeded"
        assert ask(first, "GET word") == ""
        again = actions.resume(actor=SYSTEM, instance=fresh(operation))
        assert finished(again).state == "succeeded"
        assert ask(first, "GET word") == "$4 kept"
        turned = actions.rotate(actor=SYSTEM, instance=fresh(operation))
        assert finished(turned).state == "succeeded"
        second = credentials.reveal_credentials(SYSTEM, fresh(operation))
        assert ask(first, "GET word").startswith("-WRONGPASS")
        assert ask(second, "GET word") == "$4 kept"
    finally:
        actions.edit(actor=SYSTEM, instance=fresh(operation), protected=False)
        finished(actions.delete(actor=SYSTEM, instance=fresh(operation)))
        finished(actions.purge(actor=SYSTEM, instance=fresh(operation)))
    assert not (home / "instances" / instance.public_id).exists()
    assert ask(second, "PING") == ""


def fresh(operation: Operation) -> Instance:
    rows = Instance.objects.select_related("project__organisation", "region")
    return rows.get(pk=operation.instance_id)


def finished(operation: Operation) -> Operation:
    """`drive`, with time for a server to start between the turns."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            return drive(operation, turns=1)
        except AssertionError:
            time.sleep(0.05)
            operation.refresh_from_db()
            if operation.state not in OPEN:
                return operation
    raise AssertionError(f"{operation} has not ended")


def ask(credentials: Credentials, words: str) -> str:
    """The answer to one command after a login; empty when nobody answers."""
    try:
        with socket.create_connection((credentials.host, credentials.port), 3) as connection:
            connection.sendall(f"AUTH {credentials.password}\r\n".encode())
            login = connection.recv(200).decode().strip()
            if login != "+OK":
                return login
            connection.sendall(f"{words}\r\n".encode())
            return " ".join(connection.recv(200).decode().split())
    except OSError:
        return ""
