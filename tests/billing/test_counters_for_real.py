"""From a real Prometheus to the cents: invocations of functions and traffic to the internet."""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing import cycle
from billing.models import CostLine, CounterLook, UsageEvent, UsageRecord
from billing.usage import reporting
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Temporary
from services import backends
from services.backends.kubernetes import counters
from services.backends.kubernetes.backend import KubernetesBackend
from services.instances.models import Instance
from services.instances.specs import namespace_of
from services.regions import actions, clusters
from services.regions.models import Region
from tests.makers import make_instance, make_project, make_region
from tests.prometheus import Prometheus, exporting, labels, needs_prometheus

pytestmark = [
    pytest.mark.engine,
    needs_prometheus,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices"),
]
GIB = 2**30
INVOCATIONS = "kn_serving_invocation_duration_seconds_count"
EGRESS = "kubecost_pod_network_egress_bytes_total"


class NoObjects:
    """A cluster whose API server is away: what counters tell does not need it."""

    def list(self, *asked):
        raise Temporary("region-unreachable")


@pytest.fixture
def prometheus():
    with tempfile.TemporaryDirectory(prefix="polder-m") as folder, exporting() as exporter:
        one = Prometheus(Path(folder), exporter)
        one.start()
        yield one
        one.stop()


@pytest.fixture
def function(fake, monkeypatch, prometheus):
    """One that was ordered two hours ago, in a region that names the API."""
    made = make_instance(make_project(), make_region(), plan="dev-1x1")
    region = Region.objects.get()
    region.backend = "kubernetes"
    region.save()
    made_of = {"metrics_url": prometheus.url, "metrics_ca": prometheus.ca}
    actions.change_region_settings(actor=SYSTEM, region=region, settings=made_of)
    region.refresh_from_db()
    assert clusters.metrics_of(region).egress.meter == "egress"
    monkeypatch.setitem(
        backends.BACKENDS, "kubernetes", lambda row: KubernetesBackend(row, NoObjects())
    )
    Instance.objects.update(
        offering="functions", plan="single-1x2", created_at=clock.now() - timedelta(hours=3)
    )
    # Counters are looked at a minute late: this makes the minute pass.
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + counters.LATE)
    return Instance.objects.select_related("project", "region").get(pk=made.pk)


def pod(instance, name, code="200", namespace=None):
    return (
        INVOCATIONS,
        labels(
            k8s_namespace_name=namespace or namespace_of(instance.project),
            k8s_pod_name=name,
            kn_service_name=instance.public_id,
            kn_revision_name=f"{instance.public_id}-00001",
            http_response_status_code=code,
        ),
    )


def sent(instance, pod_name, internet="true"):
    named = {"namespace": namespace_of(instance.project), "pod_name": pod_name}
    return EGRESS, labels(internet=internet, **named)


def look_at(instance):
    """A look ends with a whole second: what was scraped lies before it."""
    time.sleep(1.1)
    return reporting.look_at_region(instance.region_id)


def pending():
    return {meter: Decimal(text) for meter, text in CounterLook.objects.get().pending.items()}


def test_what_counters_say_is_billed_once_whatever_happens_between(function, prometheus):
    says, look = prometheus.exporter.says, lambda: look_at(function)
    first, second = pod(function, "a"), pod(function, "b")
    traffic = sent(function, f"{function.public_id}-00001-deployment-x")
    says |= {first: 5_000_000, traffic: 3 * GIB}
    prometheus.scraped()
    look()  # it is older than the first look: what was before is nobody's to bill
    assert pending() == {"invocations": 0, "egress": 0}

    # A new container's first requests count, those of others and inside the cluster do not.
    says |= {first: 5_700_000, second: 300_000, traffic: 3 * GIB + GIB // 2}
    says |= {pod(function, "a", namespace="polder-other"): 9_000_000}
    says |= {sent(function, f"{function.public_id}-x", "false"): 900 * GIB}
    says |= {sent(function, f"{function.public_id}0-x"): 900 * GIB}
    prometheus.scraped()
    look()
    assert pending() == {"invocations": 1_000_000, "egress": Decimal("0.5")}
    look()  # twice
    assert pending() == {"invocations": 1_000_000, "egress": Decimal("0.5")}

    # While it is away nothing is lost: the next look has the whole time.
    says |= {first: 5_900_000}
    prometheus.scraped()
    prometheus.stop()
    look()
    assert pending()["invocations"] == 1_000_000
    says |= {first: 6_700_000, second: 310_000}
    prometheus.start()
    prometheus.scraped()
    look()
    assert pending()["invocations"] == 2_010_000

    # A counter that fell began anew; a container that is gone keeps what it had counted.
    del says[second]
    says |= {first: 390_000, pod(function, "a", code="500"): 10}
    says |= {traffic: 3 * GIB + GIB // 2 + 1024 * GIB + 150 * GIB}
    prometheus.scraped()
    look()
    assert pending() == {"invocations": 2_400_010, "egress": Decimal("1174.5")}

    Instance.objects.update(deleted_at=clock.now())
    assert look() == 2
    told = UsageEvent.objects.values_list("meter", "quantity")
    assert dict(told) == {"invocations": 2_400_010, "egress": Decimal("1174.5")}
    cycle.meter_and_rate()
    used = UsageRecord.objects.filter(from_plan=False).values_list("price_class", "quantity")
    assert dict(used) == {
        "serverless.functions": 2_400_010,
        "network.egress": Decimal("1174.5"),
    }
    costs = {}
    for line in CostLine.objects.filter(meter__in=("invocations", "egress")):
        costs[line.meter] = costs.get(line.meter, 0) + line.billed_cost
    assert costs == {
        "invocations": Decimal("1.400010") * Decimal("0.15"),  # the first million is free
        "egress": Decimal("150.5") * Decimal("0.01"),  # of 1,024 GiB nothing
    }


def test_a_gap_in_scraping_is_no_new_counter(function, prometheus, monkeypatch):
    """It was seen long before the span, and not just before it."""
    monkeypatch.setattr(counters, "_BEFORE", timedelta(0))
    says, look = prometheus.exporter.says, lambda: look_at(function)
    first = pod(function, "a")
    says |= {first: 1000}
    prometheus.scraped()
    del says[first]
    prometheus.stop()
    prometheus.start()
    look()
    says |= {first: 1007}
    prometheus.scraped()
    look()
    assert pending()["invocations"] == 7
