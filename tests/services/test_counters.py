"""How far counters went, whatever a metrics API answers."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
import tracemalloc
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from portal.kernel.errors import Invalid, Permanent, Temporary
from services import registry
from services.backends.kubernetes import counters, health, metrics, patience
from services.backends.kubernetes.metrics import Metrics, Series, TooLong
from services.regions import clusters
from services.regions import metrics as setting
from services.regions.metrics import MetricsApi
from services.spec import Secret
from tests.portal.receivers import receiving
from tests.services.test_usage_beyond import spec_of

END = datetime(2026, 10, 20, 12, tzinfo=UTC)
START = END - timedelta(minutes=5)
FUNCTION = spec_of("functions", "dev-1x1")
SELECTOR = "kn_serving_invocation_duration_seconds_count"
API = MetricsApi("http://127.0.0.1:9", Secret(""), "", None)


def told(*samples, **labels):
    """A series with samples of (seconds after START, value)."""
    named = {
        "__name__": SELECTOR,
        "k8s_namespace_name": "pj-1",
        "kn_service_name": "xx-1",
        "k8s_pod_name": "a",
    }
    at = Decimal(int(START.timestamp()))
    return Series(named | labels, [(at + second, Decimal(value)) for second, value in samples])


class Prometheus:
    """Answers ranges from what it has, and remembers what it was asked."""

    def __init__(self, *series, history=(), remembers=True):
        self.series, self.history, self.asked = series, history, []
        self.remembers = remembers

    def __call__(self, api):
        self.api = api
        return self

    def query(self, expression, at):
        if expression == counters._REMEMBERED:
            return [Series({}, [(Decimal(1), Decimal(3))])] if self.remembers else []
        self.asked.append((expression, at))
        if expression.startswith("last_over_time"):
            return list(self.history)
        seconds = int(expression.rpartition("[")[2].removesuffix("s]"))
        upper = Decimal(int(at.timestamp()))
        cut = [
            replace(one, samples=[s for s in one.samples if upper - seconds <= s[0] <= upper])
            for one in self.series
        ]
        return [one for one in cut if one.samples]


def read(monkeypatch, prometheus, *specs, api=API, since=START, slug="functions"):
    monkeypatch.setattr(counters, "Metrics", prometheus)
    monkeypatch.setattr(counters, "LATE", timedelta(0))
    wanted = [(registry.get(slug), spec, since) for spec in specs or (FUNCTION,)]
    found = counters.read(api, wanted, END)
    return {name: {one.meter: one.quantity for one in of} for name, of in found.items()}


@pytest.mark.parametrize(
    ("samples", "gone"),
    [
        ([(-20, 5), (10, 7), (299, 9)], 4),
        ([(-20, 5), (0, 6), (300, 9), (301, 50)], 3),  # of [since, until): up to and including
        ([(10, 7), (40, 9)], 9),  # new: its first requests count
        ([(-20, 5), (10, 7), (40, 2), (70, 3)], 5),  # fell: began anew
        ([(-20, 5), (-10, 6)], 0),  # gone before
        ([(-20, 5), (10, 5)], 0),
        ([(-400, 2), (250, 12)], 10),  # scraped seldom
    ],
)
def test_a_counter_went_as_far_as_its_samples_say(monkeypatch, samples, gone):
    assert read(monkeypatch, Prometheus(told(*samples))) == {"xx-1": {"invocations": gone}}


def test_spans_that_follow_each_other_add_up(monkeypatch):
    series = told(*((second, second // 3 + 4) for second in range(-60, 301, 7)))
    whole = read(monkeypatch, Prometheus(series))["xx-1"]["invocations"]
    middle = START + timedelta(seconds=143)
    second = read(monkeypatch, Prometheus(series), since=middle)["xx-1"]["invocations"]
    monkeypatch.setattr(counters, "LATE", timedelta(0))
    wanted = [(registry.get("functions"), FUNCTION, START)]
    (first,) = counters.read(API, wanted, middle)["xx-1"]
    assert first.quantity + second == whole > 90


def test_what_is_scraped_twice_counts_once(monkeypatch):
    twice = [told((-5, 1), (100, 8), job="a"), told((-3, 1), (102, 9), job="b")]
    other = told((-5, 0), (100, 3), http_response_status_code="500")
    assert read(monkeypatch, Prometheus(*twice, other)) == {"xx-1": {"invocations": 11}}


def test_only_ones_own_in_ones_own_namespace_counts(monkeypatch):
    found = Prometheus(
        told((10, 5)),
        told((10, 50), k8s_namespace_name="pj-2"),
        told((10, 50), kn_service_name="xx-2"),
    )
    assert read(monkeypatch, found) == {"xx-1": {"invocations": 5}}
    assert found.asked[0][0] == f'{SELECTOR}{{kn_service_name=~"xx-1"}}[900s]'


def test_what_was_seen_long_before_is_not_new(monkeypatch):
    found = Prometheus(told((10, 1007)), history=[told((0, 1000))])
    assert read(monkeypatch, found) == {"xx-1": {"invocations": 7}}
    assert found.asked[-1] == (
        f'last_over_time({SELECTOR}{{kn_service_name=~"xx-1"}}[7d])',
        START,
    )


def test_of_a_time_that_is_not_remembered_nothing_counts_as_new(monkeypatch):
    """It was away for longer than it keeps: what a counter had before is not billed again."""
    found = Prometheus(told((10, 1000), (40, 1007)), remembers=False)
    assert read(monkeypatch, found) == {"xx-1": {"invocations": 7}}


def test_what_was_seen_before_scraping_stopped_goes_on_from_there(monkeypatch):
    """A look that catches up may begin while it stood still."""
    found = Prometheus(told((10, 1000), (40, 1007)), history=[told((0, 950))], remembers=False)
    assert read(monkeypatch, found) == {"xx-1": {"invocations": 57}}


def test_no_more_is_asked_for_at_once_than_six_hours(monkeypatch):
    found = Prometheus(told((10, 1007)))
    read(monkeypatch, found, since=END - timedelta(days=90))
    assert len(found.asked) == 6 + 2  # ten minutes before, and the history


def test_hours_are_asked_for_one_at_a_time_from_the_oldest_on(monkeypatch):
    """Five hours and ten minutes before."""
    since = END - timedelta(hours=5)
    seen = told(*((second, 10**6 + second) for second in range(-18_300, 301, 600)))
    found = Prometheus(seen)
    assert read(monkeypatch, found, since=since)["xx-1"] == {"invocations": 5 * 3600}
    moments = [at for _, at in found.asked]
    assert moments == sorted(moments)
    assert [expression[-7:] for expression, _ in found.asked] == 5 * ["[3600s]"] + ["}[600s]"]


class Scraping(Prometheus):
    """Forty series, a sample of each every 15 seconds, made when they are asked for."""

    def query(self, expression, at):
        if expression == counters._REMEMBERED or expression.startswith("last_over_time"):
            return super().query(expression, at)
        seconds, end = int(expression.rpartition("[")[2].removesuffix("s]")), int(at.timestamp())
        times = range(end - seconds, end + 1, 15)
        labels = told().labels
        return [
            Series(labels | {"k8s_pod_name": str(pod)}, [(Decimal(t), Decimal(t)) for t in times])
            for pod in range(40)
        ]


def test_what_there_is_to_catch_up_is_not_held_in_memory(monkeypatch):
    tracemalloc.start()
    try:
        found = read(monkeypatch, Scraping(), since=END - timedelta(hours=6))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == {"xx-1": {"invocations": 40 * 6 * 3600}}
    assert most < 8 << 20  # an hour's 9,640 samples, and not those of six


def test_an_hour_that_is_too_much_is_read_in_parts(monkeypatch):
    class Full(Prometheus):
        def query(self, expression, at):
            found = super().query(expression, at)
            if sum(len(one.samples) for one in found) > 20:
                raise TooLong("metrics-refused")
            return found

    seen = told(*((second, 10**6 + second) for second in range(-7800, 301, 60)))
    since = END - timedelta(hours=2)
    assert read(monkeypatch, Full(seen), since=since)["xx-1"] == {"invocations": 7200}
    thick = told(*((Decimal(second) / 10, second) for second in range(3000)))
    with pytest.raises(TooLong):
        read(monkeypatch, Full(thick))


def test_traffic_is_that_of_the_pods_of_an_instance(monkeypatch):
    api = replace(
        API, egress=setting.read(setting.clean({"metrics_url": "https://a"}, {}), "").egress
    )

    def sent(pod, gibibytes, namespace="pj-1"):
        line = told((-5, 2**30), (10, 2**30 * (gibibytes + 1)))
        return replace(line, labels={"namespace": namespace, "pod_name": pod, "internet": "true"})

    found = Prometheus(
        sent("xx-1-0", 3),
        sent("xx-1-kafka-1", Decimal("0.5")),
        sent("xx-10-0", 100),
        sent("xx-1", 100),
        sent("xx-1-0", 100, "pj-2"),
    )
    spec = spec_of("postgresql", "dev-1x1")
    assert read(monkeypatch, found, spec, api=api, slug="postgresql") == {
        "xx-1": {"egress": Decimal("3.5")}
    }
    assert found.asked[0][0] == (
        'kubecost_pod_network_egress_bytes_total{internet="true",pod_name=~"(xx-1)-.*"}[900s]'
    )


def test_without_an_api_nothing_is_told(monkeypatch):
    assert read(monkeypatch, Prometheus(told((10, 5))), api=None) == {}


# -- the API itself --------------------------------------------------------------------------------


def answer(result, kind="vector"):
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


def test_numbers_stay_exact_and_the_token_goes_in_a_header():
    rows = [{"metric": {"a": "b"}, "value": [1760961600.123, "123456789012345.5"]}]
    with receiving() as place:
        place.answers = [(200, answer(rows).encode())]
        api = replace(API, url=f"http://127.0.0.1:{place.port}/select", token=Secret("s3cr3t"))
        (series,) = Metrics(api).query('a{b="c"}', END)
    assert series.samples == [(Decimal("1760961600.123"), Decimal("123456789012345.5"))]
    (got,) = place.got
    assert got.path == "/select/api/v1/query"
    assert got.headers["Authorization"] == "Bearer s3cr3t"
    assert got.body.startswith(b"query=a%7Bb%3D%22c%22%7D&time=")


@pytest.mark.parametrize("value", ["NaN", "+Inf", "odd"])
def test_what_is_no_number_says_nothing(value):
    rows = [{"metric": {}, "values": [[1, value], [2, "7"]]}]
    with receiving() as place:
        place.answers = [(200, answer(rows, "matrix").encode())]
        (series,) = Metrics(replace(API, url=f"http://127.0.0.1:{place.port}")).query("a[5m]", END)
    assert series.samples == [(Decimal(2), Decimal(7))]


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (503, b"", Temporary, "metrics-away"),
        (429, b"{}", Temporary, "metrics-away"),
        (401, b"no", Permanent, "metrics-refused"),
        (302, b"", Permanent, "metrics-refused"),
        (400, b'{"status":"error","error":"parse error"}', Permanent, "metrics-refused"),
        (200, b"<html>", Permanent, "metrics-refused"),
        (200, b"[]", Permanent, "metrics-refused"),
        (200, answer("7", "string").encode(), Permanent, "metrics-refused"),
        (200, answer(None).encode(), Permanent, "metrics-refused"),
        (200, answer([7]).encode(), Permanent, "metrics-refused"),
        (200, answer([{"metric": {}}]).encode(), Permanent, "metrics-refused"),
        (200, answer([{"value": [1, "1"]}]).encode(), Permanent, "metrics-refused"),
        (200, answer([{"metric": [], "value": [1, "1"]}]).encode(), Permanent, "metrics-refused"),
        (200, answer([{"metric": {}, "value": [1]}]).encode(), Permanent, "metrics-refused"),
        (200, answer([{"metric": {}, "value": [1, None]}]).encode(), Permanent, "metrics-refused"),
        (200, answer([{"metric": {}, "value": ["x", "1"]}]).encode(), Permanent, "metrics-refused"),
        (
            200,
            answer([{"metric": {}, "value": [1, "1e999999"]}]).encode(),
            Permanent,
            "metrics-refused",
        ),
    ],
)
def test_every_other_answer_is_an_error_of_ours(status, body, error, code):
    with receiving() as place:
        place.answers = [(status, body)]
        with pytest.raises(error) as caught:
            Metrics(replace(API, url=f"http://127.0.0.1:{place.port}")).query("a", END)
    assert caught.value.code == code


def test_a_count_that_is_no_number_is_an_error_of_ours():
    with receiving() as place:
        place.answers = [(200, answer([{"metric": {}, "value": [1, "NaN"]}]).encode())]
        with pytest.raises(Permanent, match="metrics-refused"):
            Metrics(replace(API, url=f"http://127.0.0.1:{place.port}")).count("a", END)


@pytest.mark.parametrize("waiting", [False, True])
def test_an_answer_that_drips_has_an_end(monkeypatch, waiting):
    """A byte each 50 ms: no two of them are far from each other."""
    if not waiting:
        monkeypatch.setattr(metrics, "_ANSWER_SECONDS", 0.5)
    with receiving() as place, patience.within(0.5 if waiting else 60):
        place.answers, place.drip = [(200, answer([]).encode() + b" " * 60)], 0.05
        began = time.monotonic()
        with pytest.raises(Temporary, match="metrics-away"):
            Metrics(replace(API, url=f"http://127.0.0.1:{place.port}")).query("a", END)
    assert time.monotonic() - began < 3


@contextmanager
def dripping(*heads: bytes):
    """A server that sends `heads`, one for each connection, a byte each 50 ms for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve():
            for head in heads:
                peer, _ = listener.accept()
                with peer, suppress(OSError):
                    for byte in itertools.chain(head, itertools.repeat(ord("a"))):
                        if over.wait(0.05):
                            return
                        peer.sendall(bytes([byte]))

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        over.set()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_headers_that_drip_have_an_end(monkeypatch, head):
    monkeypatch.setattr(metrics, "_ANSWER_SECONDS", 0.5)
    with dripping(head) as port:
        began = time.monotonic()
        with pytest.raises(Temporary, match="metrics-away"):
            Metrics(replace(API, url=f"http://127.0.0.1:{port}")).query("a", END)
    assert 0.5 <= time.monotonic() - began < 3


def test_one_connection_serves_what_follows_after_a_deadline_of_its_own(monkeypatch):
    monkeypatch.setattr(metrics, "_ANSWER_SECONDS", 0.5)
    with receiving() as place:
        place.answers = [(200, answer([]).encode())] * 2
        asked = Metrics(replace(API, url=f"http://127.0.0.1:{place.port}"))
        asked.query("a", END)
        time.sleep(0.6)
        assert asked.query("a", END) == []


def test_an_answer_that_is_too_long_says_so(monkeypatch):
    monkeypatch.setattr(metrics, "_MOST_BYTES", 1000)
    with receiving() as place:
        place.answers = [(200, answer([]).encode() + b" " * 2000)]
        with pytest.raises(TooLong):
            Metrics(replace(API, url=f"http://127.0.0.1:{place.port}")).query("a", END)


def test_one_that_is_away_is_a_fact_and_no_fault_of_the_region():
    entries = [registry.get(slug) for slug in ("functions", "rabbitmq", "nats")]
    assert health._of_metrics(None, entries) == {"metrics_api": "", "counters": ""}
    found = health._of_metrics(API, entries)
    assert (found["metrics_api"], found["counters"]) == ("metrics-away", "")
    with receiving() as place:
        place.answers = [(200, answer([{"metric": {}, "value": [1, "42"]}]).encode())] * 3
        found = health._of_metrics(replace(API, url=f"http://127.0.0.1:{place.port}"), entries)
    said = "invocations=42 messages=84"  # of both brokers
    assert found == {"metrics_api": "answers", "counters": said, "metrics_said": ""}


# -- as a setting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics_url", "prometheus:9090"),
        ("metrics_url", "https://user:password@prometheus"),
        ("metrics_url", "https://prometheus/?token=x"),
        ("metrics_ca", "-----BEGIN CERTIFICATE-----\nodd"),
        ("metrics_egress", "sum(rate(a[5m]))"),
        ("metrics_egress", 'a{b="c"} or d'),
        ("metrics_egress", 'a{b="c"}) or (d'),
        ("metrics_egress_labels", "namespace"),
        ("metrics_egress_labels", 'namespace, pod"'),
    ],
)
def test_each_fault_is_told_at_its_field(field, value):
    with pytest.raises(Invalid) as caught:
        clusters.clean_settings({"metrics_url": "https://prometheus.test", field: value})
    assert list(caught.value.fields) == [field]


@pytest.mark.parametrize(
    "selector", ["a", 'a:b{c="d"}', 'a{c=~"d|e", f!="\\"g",}', "a{}", "off", ""]
)
def test_a_selector_is_kept_as_it_is(selector):
    kept = clusters.clean_settings({"metrics_url": "https://a/", "metrics_egress": selector})
    assert kept["metrics"]["egress"] == (selector or setting.EGRESS)
    api = setting.read(kept["metrics"], "")
    assert (api.egress is None) == (selector == "off")
    assert clusters.clean_settings(clusters.filled_in(kept)) == kept


def test_nothing_is_kept_without_an_address():
    assert clusters.clean_settings({})["metrics"] is None
    assert clusters.clean_settings(clusters.filled_in({}))["metrics"] is None


# -- of what servers count -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "name", "labels"),
    [
        ("rabbitmq", "rabbitmq_global_messages_received_total", {"protocol": "amqp091"}),
        ("nats", "nats_varz_in_client_msgs", {"server_id": "NA"}),
        ("kafka", "kafka_server_brokertopicmetrics_messagesinpersec_total", {"topic": "a"}),
    ],
)
def test_messages_are_those_of_all_nodes_and_of_each_that_began_anew(
    monkeypatch, slug, name, labels
):
    def node(pod, *samples, namespace="pj-1", **more):
        line = told(*samples)
        return replace(line, labels={"namespace": namespace, "pod": pod, **labels, **more})

    key = next(iter(labels))
    found = Prometheus(
        node("xx-1-server-0", (-5, 100), (10, 107)),
        node("xx-1-server-1", (-5, 40), (10, 2)),  # was started again
        node("xx-1-server-1", (20, 5), **{key: "another"}),
        node("xx-1-server-1", (20, 5), **{key: "another"}, endpoint="scraped twice"),
        node("xx-10-server-0", (-5, 0), (10, 900)),
        node("xx-1-server-0", (-5, 0), (10, 900), namespace="pj-2"),
    )
    spec = spec_of(slug, "dev-1x1")
    assert read(monkeypatch, found, spec, slug=slug) == {"xx-1": {"messages": 14}}
    assert found.asked[0][0].startswith(f"{name}{{")
    assert found.asked[0][0].endswith('pod=~"(xx-1)-.*"}[900s]')
