"""What is used beyond plans, from what clusters and disks show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from portal.kernel.errors import Permanent, Temporary
from services import registry
from services.backends.kubernetes import usage
from services.backends.process import usage as of_disks
from services.backends.process.backend import ProcessBackend
from services.backends.process.layout import Folder
from services.manifests import spans
from services.spec import Counted, InstanceSpec, Kind

START = datetime(2026, 10, 20, 9, tzinfo=UTC)
END = START + timedelta(minutes=5)
POD = Kind("v1", "Pod")
MACHINE = Kind("cluster.x-k8s.io/v1beta2", "Machine")


def at(seconds):
    return START + timedelta(seconds=seconds)


def text(seconds):
    return f"{at(seconds):%Y-%m-%dT%H:%M:%SZ}"


def spec_of(slug, plan, **parameters):
    offering = registry.get(slug).offering
    usual = {p.name: p.default for p in offering.parameters}
    return InstanceSpec(
        name="xx-1",
        namespace="pj-1",
        version=offering.default_version,
        plan=offering.plan(plan),
        parameters=usual | parameters,
    )


# -- spans -----------------------------------------------------------------------------------------


def test_only_what_lies_within_counts():
    ran = [(at(-50), at(10)), (at(290), None), (at(-9), at(-5)), (at(300), None), (at(20), at(20))]
    assert spans.seconds(ran, START, END) == 20


@pytest.mark.parametrize(("most", "beyond"), [(0, 700), (1, 400), (2, 100), (3, 0)])
def test_what_runs_beside_a_number_of_others(most, beyond):
    ran = [(at(0), None), (at(0), at(100)), (at(100), at(200)), (at(200), None), (at(50), at(150))]
    assert spans.seconds_beyond(ran, most, START, END) == beyond


# -- pods and machines -----------------------------------------------------------------------------


def pod(*states, last=None, name="user-container", service="xx-1"):
    containers = [{"name": name, "state": state} for state in states]
    if last:
        containers[0]["lastState"] = last
    containers.append({"name": "queue-proxy", "state": {"running": {"startedAt": text(-999)}}})
    labels = {"serving.knative.dev/service": service}
    return {
        "metadata": {"name": "p", "labels": labels},
        "status": {"containerStatuses": containers},
    }


def running(since):
    return {"running": {"startedAt": text(since)}}


def ended(since, until):
    return {"terminated": {"startedAt": text(since), "finishedAt": text(until)}}


def counted(slug, spec, found):
    told = registry.get(slug).usage.counted(spec, found, START, END)
    return {one.meter: one.quantity for one in told}


def test_containers_count_while_they_run():
    spec = spec_of("serverless-containers", "single-1x2")
    found = [
        pod(running(100)),
        pod(ended(0, 50)),
        pod(running(290), last=ended(-10, 10)),
        pod({"waiting": {"reason": "ImagePullBackOff"}}),
        {"metadata": {"name": "new"}},
    ]
    ran = 200 + 50 + 10 + 10
    assert counted("serverless-containers", spec, found) == {
        "vcpu_second": Decimal(ran),
        "memory_gib_second": Decimal(2 * ran),
    }


def test_functions_are_held_ready_up_to_the_order_and_work_beyond_it():
    spec = spec_of("functions", "single-1x2", min_scale=1)
    found = [pod(running(-100)), pod(ended(100, 160))]
    assert counted("functions", spec, found) == {
        "gb_second": Decimal(120),
        "provisioned_gb_second": Decimal(600),
    }


def machine(since, pool="workers-1", gone=None, ready="True"):
    labels = {"cluster.x-k8s.io/cluster-name": "xx-1"}
    if pool:
        labels["topology.cluster.x-k8s.io/deployment-name"] = pool
    there = {"type": "InfrastructureReady", "status": ready, "lastTransitionTime": text(since)}
    named = {"name": "m", "labels": labels}
    if gone is not None:
        named["deletionTimestamp"] = text(gone)
    return {"metadata": named, "status": {"conditions": [there]}}


def test_workers_beyond_the_plan_count_up_to_the_order():
    spec = spec_of("kubernetes", "single-2x8", more_workers=1)
    found = [
        machine(-999),
        machine(100),
        machine(200),  # a rolling change
        machine(-999, pool=""),  # a control plane
        machine(0, ready="False"),
        machine(-999, gone=50),
    ]
    more = 50 + 200
    assert counted("kubernetes", spec, found) == {
        "vcpu": Decimal(2 * more),
        "memory_gib": Decimal(8 * more),
        "storage_gib": Decimal(100 * more),
    }


def test_workers_with_a_gpu_count_by_their_gpu():
    spec = spec_of("kubernetes", "single-2x8", gpu="l40s", gpu_workers=1)
    found = [machine(-999), machine(60, pool="gpu"), machine(200, pool="gpu")]
    assert counted("kubernetes", spec, found) == {
        "vcpu": 0,
        "memory_gib": 0,
        "storage_gib": 0,
        "gpu_l40s": 240,
    }


class Objects:
    """Lists what it is given, and counts how often."""

    def __init__(self, **lists):
        self.lists, self.asked = lists, []

    def list(self, api, kind, namespace):
        self.asked.append((kind, namespace))
        found = self.lists[kind]
        if isinstance(found, Exception):
            raise found
        return found


def read(objects, *specs):
    wanted = [(registry.get(slug), spec, START) for slug, spec in specs]
    return usage.read(objects, wanted, END)


def test_one_list_for_all_of_a_namespace_and_only_what_is_theirs():
    one = replace(spec_of("functions", "dev-1x1"), name="fn-1")
    other = replace(spec_of("functions", "dev-1x1"), name="fn-2")
    elsewhere = replace(one, name="fn-3", namespace="pj-2")
    objects = Objects(Pod=[pod(running(0), service="fn-1"), pod(running(100), service="fn-2")])
    found = read(objects, *(("functions", s) for s in (one, other, elsewhere)))
    assert {name: told[0].quantity for name, told in found.items()} == {
        "fn-1": 300,
        "fn-2": 200,
        "fn-3": 0,
    }
    assert objects.asked == [("Pod", "pj-1"), ("Pod", "pj-2")]


def test_what_has_nothing_beyond_its_plan_is_not_asked_for():
    objects = Objects()
    fixed = spec_of("kubernetes", "single-2x8")
    assert read(objects, ("postgresql", spec_of("postgresql", "dev-1x1"))) == {}
    assert read(objects, ("kubernetes", fixed)) == {"xx-1": ()}
    assert objects.asked == []


def test_a_kind_that_is_not_given_leaves_out_its_own():
    objects = Objects(Machine=Permanent("kind-missing"), Pod=[])
    cluster = replace(spec_of("kubernetes", "single-2x8", more_workers=1), name="kube-1")
    found = read(objects, ("kubernetes", cluster), ("functions", spec_of("functions", "dev-1x1")))
    assert set(found) == {"xx-1"}
    with pytest.raises(Temporary):
        read(Objects(Pod=Temporary("away")), ("functions", spec_of("functions", "dev-1x1")))


def test_every_meter_that_is_told_is_one_that_can_be_priced():
    from billing.pricebook.meters import METERS, PRICED_ELSEWHERE

    for entry in registry.entries().values():
        told = entry.usage
        counters = (one.meter for one in told.COUNTERS) if told else ()
        for meter in (*told.METERS, *counters) if told else ():
            own = [m.code for m in entry.offering.meters]
            assert meter in METERS
            assert meter in PRICED_ELSEWHERE or meter in own


# -- public addresses ------------------------------------------------------------------------------


def balancer(name, *ingress, kind="LoadBalancer"):
    status = {"loadBalancer": {"ingress": list(ingress)} if ingress else {}}
    return {"metadata": {"name": name}, "spec": {"type": kind}, "status": status}


def addresses(*services, **fields):
    spec = spec_of("kafka", "dev-1x1", public=True)
    objects = Objects(Service=list(services))
    told = read(objects, ("kafka", replace(spec, **fields)))
    return {name: [(one.meter, one.quantity, one.kept) for one in of] for name, of in told.items()}


def test_public_addresses_are_counted_once_each():
    found = addresses(
        balancer("xx-1-kafka-public-bootstrap", {"ip": "185.1.2.3"}),
        balancer("xx-1-kafka-public-0", {"ip": "185.1.2.4"}, {"ip": "2a01:4f8::1"}),
        balancer("xx-1-kafka-public-1", {"ip": "185.1.2.4"}),  # a balancer may share one
        balancer("xx-1-kafka-public-2"),  # has none yet
        balancer("xx-10-public", {"ip": "185.1.2.9"}),  # another service's
        balancer("xx-1-lb", {"hostname": "a.lb.example"}),
        balancer("xx-1-inside", {"ip": "10.1.2.3"}),
        balancer("xx-1-carrier", {"ip": "100.64.0.1"}),
        balancer("xx-1-odd", {"ip": "no address"}),
        balancer("xx-1-kafka-bootstrap", {"ip": "185.1.2.5"}, kind="ClusterIP"),
    )
    assert found == {"xx-1": [("public_ipv4", Decimal(2), True)]}


def test_a_service_called_by_the_name_alone_is_its_own():
    held = balancer("xx-1", {"ip": "185.1.2.3"})
    assert addresses(held) == {"xx-1": [("public_ipv4", Decimal(1), True)]}


def test_at_rest_or_closed_nothing_is_counted_and_nothing_asked_for():
    held = balancer("xx-1-public", {"ip": "185.1.2.3"})
    assert addresses(held, paused=True) == {}
    closed = spec_of("kafka", "dev-1x1").parameters
    assert addresses(held, parameters=closed) == {}


def test_addresses_come_beside_what_the_offering_tells():
    spec = spec_of("functions", "dev-1x1", public=True)
    told = read(Objects(Pod=[pod(running(0))], Service=[]), ("functions", spec))
    assert [one.meter for one in told["xx-1"]] == [
        "gb_second",
        "provisioned_gb_second",
        "public_ipv4",
    ]


# -- disks -----------------------------------------------------------------------------------------


def test_whole_gibibytes_beyond_the_plan_are_kept(tmp_path, monkeypatch):
    backend, entry = ProcessBackend(tmp_path), registry.get("postgresql")
    spec = spec_of("postgresql", "dev-1x1")  # 10 GiB

    def told(mib, wanted=spec):
        monkeypatch.setattr(of_disks, "size_mib", lambda path: mib)
        return backend.usage([(entry, wanted, START)], END)

    assert told(99_999) == {}
    Folder(tmp_path, "xx-1").data.mkdir(parents=True)
    for mib, beyond in ((5, 0), (11 * 1024 - 1, 0), (11 * 1024, 1), (12 * 1024 + 5, 2)):
        assert told(mib) == {"xx-1": (Counted("storage_gib", Decimal(beyond), kept=True),)}
    nothing = replace(spec, plan=replace(spec.plan, storage_gib=0))
    assert told(99_999, nothing) == {}
