"""Memcached's renderer with nothing but Kubernetes, from order to purge."""

from __future__ import annotations

from services.spec import Observed, Secret
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served

ENTRY = ENTRIES["memcached"]


def test_from_order_to_purge(nodes: Cluster, definitions: Definitions, namespace: str) -> None:
    served(definitions, ENTRY)
    one = Driven(ENTRY, made_up_spec(ENTRY, namespace=namespace), RICH, nodes)
    assert one.observe().observed == Observed.ABSENT
    one.apply()
    one.until("ready")
    before = one.pods()
    one.change(secrets={**one.spec.secrets, "password": Secret("another")})
    assert one.observe().observed == Observed.PROGRESSING
    one.until("ready")
    assert one.pods().isdisjoint(before)
    one.change(plan=ENTRY.offering.plan("ha-2x8"))
    assert one.observe().observed == Observed.PROGRESSING
    assert len(one.until("ready").endpoints) == 4
    one.change(paused=True)
    assert one.observe().observed == Observed.PROGRESSING
    one.until("paused")
    assert one.pods() == set()
    one.change(paused=False)
    one.until("ready")
    one.destroy()
    one.until_gone()
