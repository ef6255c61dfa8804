"""A real Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager in a
network of their own (network.py). No kubelet, no pod runs; quotas, garbage collection, namespaces,
admission and schemas do. Nodes, and operators beside them, come with nodes.py and its users.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import create_default_context
from typing import Any

from tests.kubernetes.assets import build
from tests.kubernetes.keys import Authority, accounts_key
from tests.kubernetes.network import Network

READY_SECONDS = 120
# Programs that hold themselves back, for a server that many share.
QUICK = ("--kube-api-qps=500", "--kube-api-burst=1000")
_APPLY = ("apply", "--server-side", "--force-conflicts", "-f")
_RBAC = "rbac.authorization.k8s.io"
# May do everything, and is another than who looks after the cluster. test_deploy.py has the account
# with the rights that it needs.
_POLDER = {
    "apiVersion": f"{_RBAC}/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "polder-in-tests"},
    "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": "polder"}],
}
_SERVER_NAMES = ("localhost", "127.0.0.1", "10.96.0.1", "10.0.0.10", "kubernetes.default.svc")


@dataclass
class Cluster:
    """Its address holds on both sides of its network. All files lie in a folder that `stop`
    removes.
    """

    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="polder-k8s")))
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    polder: str = field(default_factory=lambda: secrets.token_hex(16))  # Polder's own token
    network: Network = field(default_factory=Network)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> Cluster:
        """Ready when it returns. Raises: RuntimeError with the last lines of what did not start."""
        self._make_keys()
        self.run("etcd", *self._etcd())
        self.start_api_server()
        self.run("kube-controller-manager", *self._controllers())
        self.wait("kube-controller-manager", self._has_default_account)
        self.apply(_POLDER)
        return self

    def start_api_server(self) -> None:
        """Also again, after `kill("kube-apiserver")`."""
        self.run("kube-apiserver", *self._api())
        self.wait("kube-apiserver", lambda: self.get("/readyz") == "ok")

    def run(
        self,
        name: str,
        *arguments: str,
        program: str = "",
        folder: Path | None = None,
        environment: Mapping[str, str] = {},
    ) -> None:
        """A program inside the network, called `name` here and in `log`. Without a `program` that
        is its name too.
        """
        found = Path(program) if "/" in program else build.program(program or name)
        assert found is not None, f"{program or name} is not built: make kubernetes-assets"
        known = {"KUBECONFIG": str(self.kubeconfig), **environment}
        log, place = self.home / f"{name}.log", folder or self.home
        self.processes[name] = self.network.start([str(found), *arguments], log, place, known)

    def kill(self, name: str) -> None:
        """As a crash would."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        self.network.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.network.port}"

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
        fresh = file.with_suffix(".new")  # somebody may be reading the file
        fresh.write_text(json.dumps(content))
        fresh.chmod(0o600)
        return fresh.replace(file)

    def kubectl(self, *arguments: str, text: str = "") -> str:
        """What it printed. Raises: CalledProcessError, whose `stderr` says why."""
        argv = [str(build.program("kubectl")), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=True)
        return done.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """As an administrator would, taking fields over. Raises: CalledProcessError."""
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl(*_APPLY, "-", text=json.dumps(listed))

    def define(self, *places: Path) -> None:
        """Definitions of kinds, of files or folders; they are served when it returns."""
        where = ",".join(map(str, places))
        self.kubectl(*_APPLY, where)
        self.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", where)

    def read(self, *words: str) -> Any:
        """`kubectl get … -o json`. Raises: CalledProcessError."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

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

    def wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Raises: RuntimeError with the program's last lines where it ended or takes too long."""
        until = time.monotonic() + READY_SECONDS
        while not ready():
            if self.processes[name].poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} did not get ready:\n{self.log(name)}")
            time.sleep(0.05)

    def _etcd(self) -> list[str]:
        client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
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
            "--etcd-servers=http://127.0.0.1:2379",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.network.port}",
            "--advertise-address=10.0.0.1",
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
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={home / 'accounts.key'}",
            f"--root-ca-file={home / 'ca.crt'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--node-monitor-grace-period=1h",  # nobody sends a fake node's heartbeat
            *QUICK,
        ]

    def _make_keys(self) -> None:
        self.home.chmod(0o700)
        authority = Authority("polder test authority")
        certificate, key = authority.leaf("kube-apiserver", *_SERVER_NAMES)
        (self.home / "ca.crt").write_bytes(authority.certificate)
        (self.home / "ca.key").write_bytes(authority.key)
        (self.home / "server.crt").write_bytes(certificate)
        (self.home / "server.key").write_bytes(key)
        (self.home / "accounts.key").write_bytes(accounts_key())
        (self.home / "tokens.csv").write_text(
            f"{self.token},admin,admin,system:masters\n{self.polder},polder,polder\n"
        )
