"""A real Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager on
loopback. No node, no pod runs; quotas, garbage collection, namespaces, admission and schemas do.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from ssl import create_default_context

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

READY_SECONDS = 60


@dataclass
class Cluster:
    """`binaries` holds the programs; everything else lies in a folder that `stop` removes."""

    binaries: Path
    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="polder-k8s")))
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> Cluster:
        """Ready when it returns. Raises: RuntimeError with the last lines of what did not start."""
        self._make_keys()
        for name in ("etcd", "peer", "api", "controllers"):
            self.ports[name] = _free_port()
        self._run("etcd", *self._etcd())
        self.start_api_server()
        self._run("kube-controller-manager", *self._controllers())
        self._wait("kube-controller-manager", lambda: self._has_default_account())
        return self

    def start_api_server(self) -> None:
        """Also again, after `kill("kube-apiserver")`."""
        self._run("kube-apiserver", *self._api())
        self._wait("kube-apiserver", lambda: self.get("/readyz") == "ok")

    def kill(self, name: str) -> None:
        """As a crash would."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        """The API server first: it does not end once etcd is gone."""
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self.processes:
                self.kill(name)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.ports['api']}"

    @property
    def kubeconfig(self) -> Path:
        """A file for whoever may do everything."""
        return self.write_kubeconfig("admin", self.token)

    def write_kubeconfig(self, name: str, token: str) -> Path:
        file = self.home / f"{name}.kubeconfig"
        server = {"server": self.address, "certificate-authority": str(self.home / "ca.crt")}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": server}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": name}}],
            "current-context": "local",
        }
        file.write_text(json.dumps(content))
        file.chmod(0o600)
        return file

    def kubectl(self, *arguments: str, text: str = "") -> str:
        """What it printed. Raises: CalledProcessError, whose `stderr` says why."""
        argv = [str(self.binaries / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=True)
        return done.stdout

    def get(self, path: str) -> str:
        """The answer to a GET; an empty text while nothing answers."""
        request = urllib.request.Request(f"{self.address}{path}")  # noqa: S310
        request.add_header("Authorization", f"Bearer {self.token}")
        trusted = create_default_context(cafile=str(self.home / "ca.crt"))
        try:
            with urllib.request.urlopen(request, timeout=5, context=trusted) as answer:  # noqa: S310
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, OSError):
            return ""

    def log(self, name: str, lines: int = 15) -> str:
        file = self.home / f"{name}.log"
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])

    def memory_mib(self) -> int:
        """Resident memory of all programs."""
        total = 0
        for process in self.processes.values():
            text = Path(f"/proc/{process.pid}/status").read_text()
            total += int(text.split("VmRSS:")[1].split()[0])
        return total // 1024

    def _has_default_account(self) -> bool:
        return '"default"' in self.get("/api/v1/namespaces/default/serviceaccounts/default")

    def _run(self, name: str, *arguments: str) -> None:
        argv = [str(self.binaries / name), *arguments]
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.home)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_SECONDS
        while not ready():
            if self.processes[name].poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} did not get ready:\n{self.log(name)}")
            time.sleep(0.05)

    def _etcd(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{self.ports[name]}" for name in ("etcd", "peer"))
        return [
            "--name=local",
            f"--data-dir={self.home / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=local={peer}",
            "--unsafe-no-fsync",  # what a crash of the machine would lose, no test needs
            "--log-level=warn",
        ]

    def _api(self) -> list[str]:
        home = self.home
        return [
            f"--etcd-servers=http://127.0.0.1:{self.ports['etcd']}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.ports['api']}",
            f"--tls-cert-file={home / 'server.crt'}",
            f"--tls-private-key-file={home / 'server.key'}",
            f"--client-ca-file={home / 'ca.crt'}",
            f"--token-auth-file={home / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={home / 'accounts.key'}",
            f"--service-account-signing-key-file={home / 'accounts.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            "--profiling=false",
        ]

    def _controllers(self) -> list[str]:
        home = self.home
        return [
            f"--kubeconfig={self.kubeconfig}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.ports['controllers']}",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={home / 'accounts.key'}",
            f"--root-ca-file={home / 'ca.crt'}",
            "--service-cluster-ip-range=10.96.0.0/16",
        ]

    def _make_keys(self) -> None:
        self.home.chmod(0o700)
        authority_key, server_key, accounts = (_key() for _ in range(3))
        authority = _certificate("polder test authority", authority_key, None, None)
        server = _certificate("kube-apiserver", server_key, authority, authority_key)
        pem = serialization.Encoding.PEM
        (self.home / "ca.crt").write_bytes(authority.public_bytes(pem))
        (self.home / "server.crt").write_bytes(server.public_bytes(pem))
        (self.home / "server.key").write_bytes(_pem(server_key))
        (self.home / "accounts.key").write_bytes(_pem(accounts))
        (self.home / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _certificate(
    name: str,
    key: rsa.RSAPrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: rsa.RSAPrivateKey | None,
) -> x509.Certificate:
    """Signed by itself without an issuer, and then an authority."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key or key, hashes.SHA256())
