"""Builds and runs the second implementation of the rules: phive, veraPDF and Mustang in one Java
process.

    python -m tests.billing.einvoice.second     # or: make einvoice-java

Exactly the locked jars (92 MB) come from Maven Central, into a folder outside the checkout that
bears a digest of what it is made from. Needs a JDK 17 or newer; Polder itself needs no Java.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.einvoice.document import Document
from billing.einvoice.profiles import Profile
from tests.cache import cache_folder

SOURCES = Path(__file__).with_name("java")
_MUSTANG = "Mustang-CLI"


def folder() -> Path:
    content = b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir()))
    return cache_folder() / f"einvoice-java-{hashlib.sha256(content).hexdigest()[:12]}"


def missing() -> str:
    """What is not there, as a sentence; empty when all is."""
    if shutil.which("java") is None:
        return "there is no java on PATH"
    return "" if folder().is_dir() else "run make einvoice-java"


def build() -> Path:
    """Raises: CalledProcessError, Permanent, Temporary."""
    final = folder()
    with (cache_folder() / "einvoice-java.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            for old in cache_folder().glob("einvoice-java-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(dir=cache_folder()) as workshop:
                _fill(Path(workshop))
                (Path(workshop) / "made").rename(final)
    return final


def _fill(workshop: Path) -> None:
    from services.backends.process.engines import maven

    made = workshop / "made"
    (made / "lib").mkdir(parents=True)
    artifacts = json.loads((SOURCES / "lock.json").read_text())["artifacts"]
    for coordinate, jar in maven.fetch(workshop / "downloads", artifacts).items():
        _, name, _, classifier, _ = coordinate.split(":")
        place = "mustang.jar" if name == _MUSTANG else f"lib/{name}{classifier}.jar"
        jar.rename(made / place)
    sources = sorted(str(path) for path in SOURCES.glob("*.java"))
    classpath = ["-cp", f"{made / 'lib'}/*", "-d", str(made / "classes")]
    subprocess.run(["javac", "--release", "17", *classpath, *sources], check=True)


@dataclass(frozen=True)
class Answer:
    """`by` says which rules were applied."""

    valid: bool
    by: str
    errors: dict[str, str]
    warnings: dict[str, str]


class SecondOpinion:
    """The process. `work` is where documents are laid for it to read."""

    def __init__(self, work: Path) -> None:
        place, self._work = folder(), work
        classpath = os.pathsep.join((f"{place}/classes", f"{place}/lib/*"))
        self._process = subprocess.Popen(
            ["java", "-Xmx1g", "-cp", classpath, "SecondOpinion", f"{place}/mustang.jar"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(work / "java.log").open("wb"),
            text=True,
            encoding="utf-8",
        )

    def of_xml(self, document: Document, profile: Profile, xml: bytes) -> Answer:
        own = profile.is_ubl and document.is_credit_note
        return self._ask(f"{profile.value}-credit-note" if own else profile.value, xml, "xml")

    def of_pdf(self, kind: str, pdf: bytes) -> Answer:
        """`kind`: mustang, vera:3a or vera:ua1."""
        return self._ask(kind, pdf, "pdf")

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, kind: str, content: bytes, suffix: str) -> Answer:
        path = self._work / f"{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        path.write_bytes(content)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{kind}\t{path}\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Answer(said["valid"], said["by"], dict(said["errors"]), dict(said["warnings"]))


if __name__ == "__main__":
    import django

    django.setup()
    print(build())
