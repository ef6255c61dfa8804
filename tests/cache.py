"""Where tests keep engines between runs: outside the checkout, and open to the users that engines
run as.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[1] / "requirements" / "runtime.txt"


def cache_folder() -> Path:
    """`POLDER_TEST_CACHE`, else /var/cache for root (whose home is closed to others), else the
    user's cache.
    """
    named = os.environ.get("POLDER_TEST_CACHE")
    usual = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    folder = Path(named) if named else usual / "polder-tests"
    (folder / "engines").mkdir(parents=True, exist_ok=True)
    return folder


def runtime_python() -> str:
    """An interpreter with the packages of requirements/runtime.txt and no others: what `make run`
    starts. What is missing in that file shows here, not among the packages of development.
    """
    digest = hashlib.sha256(RUNTIME.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"runtime-{digest}"
    with (cache_folder() / "runtime.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            for old in cache_folder().glob("runtime-*"):
                shutil.rmtree(old)
            venv.create(folder, with_pip=True)
            install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            locked = ["--require-hashes", "-r", str(RUNTIME)]
            subprocess.run([folder / "bin" / "python", *install, *locked], check=True)
            (folder / "whole").touch()
    return str(folder / "bin" / "python")
