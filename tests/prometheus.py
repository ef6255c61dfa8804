"""A real Prometheus over TLS that scrapes a small exporter of the test, twice a second."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from portal.embedded import environment
from services.backends.kubernetes.metrics import Metrics
from services.backends.process import certificates
from services.regions.metrics import MetricsApi
from services.spec import Secret

PROGRAM = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    PROGRAM is None, reason="NO PROMETHEUS: apt install prometheus"
)
Labels = tuple[tuple[str, str], ...]


def labels(**named: str) -> Labels:
    return tuple(sorted(named.items()))


@dataclass
class Exporter:
    """What `/metrics` says; a series is (name, labels)."""

    port: int = 0
    says: dict[tuple[str, Labels], int] = field(default_factory=dict)

    def text(self) -> bytes:
        lines = []
        for (name, given), value in self.says.items():
            inside = ",".join(f'{label}="{one}"' for label, one in given)
            lines.append(f"{name}{{{inside}}} {value}\n")
        return "".join(lines).encode()


@contextmanager
def exporting() -> Iterator[Exporter]:
    place = Exporter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = place.text()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    place.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()


class Prometheus:
    """Two jobs scrape the same, as happens where two monitors select one pod."""

    def __init__(self, home: Path, exporter: Exporter) -> None:
        self.home, self.exporter = home, exporter
        self.port = environment.free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        certificates.issue(home, home / "tls", "prometheus")
        self.ca = certificates.bundle(home).read_text()
        (home / "web.yml").write_text(
            f"tls_server_config:\n  cert_file: {home}/tls/certificate.pem\n"
            f"  key_file: {home}/tls/key.pem\n"
        )
        jobs = "".join(
            f"- job_name: {job}\n  honor_labels: true\n  static_configs:\n"
            f"  - targets: ['127.0.0.1:{exporter.port}']\n"
            for job in ("pods", "again")
        )
        (home / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\nscrape_configs:\n{jobs}"
        )
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        assert PROGRAM is not None
        with (self.home / "log").open("ab") as log:
            self._running = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={self.home}/prometheus.yml",
                    f"--web.config.file={self.home}/web.yml",
                    f"--storage.tsdb.path={self.home}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )
        metrics = Metrics(MetricsApi(self.url, Secret(""), self.ca, None))
        self._wait(lambda: bool(metrics.query("up == 1", datetime.now(UTC))))

    def stop(self) -> None:
        if self._running is not None:
            self._running.terminate()
            self._running.wait(30)
            self._running = None

    def scraped(self) -> None:
        """Until both jobs have what the exporter says now."""
        metrics = Metrics(MetricsApi(self.url, Secret(""), self.ca, None))
        wanted = {(name, *given): value for (name, given), value in self.exporter.says.items()}

        def has_all() -> bool:
            found: dict[str, dict[object, int]] = {}
            names = "|".join({name for name, _ in self.exporter.says})
            for one in metrics.query(f'{{__name__=~"{names}"}}', datetime.now(UTC)):
                own = _without_target(one.labels)
                found.setdefault(one.labels["job"], {})[own] = int(one.samples[0][1])
            return len(found) == 2 and all(
                wanted.items() <= of_job.items() for of_job in found.values()
            )

        self._wait(has_all)

    def _wait(self, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + 120
        while True:
            try:
                if ready():
                    return
            except Exception:  # it starts
                if self._running is None or self._running.poll() is not None:
                    raise
            assert time.monotonic() < until, (self.home / "log").read_text()[-2000:]
            time.sleep(0.1)


def _without_target(given: Mapping[str, str]) -> object:
    more = ("__name__", "job", "instance")
    own = tuple(sorted((name, one) for name, one in given.items() if name not in more))
    return (given["__name__"], *own)
