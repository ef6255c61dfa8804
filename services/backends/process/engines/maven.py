"""Engines from Maven: exactly the locked files, each checked by SHA-256; no POM is read and no
Maven is needed.

Source: jgo 3.2 as a library. It takes a half file of an interrupted download for a whole one and
only warns of a wrong checksum, so the digest is checked here, and a file that fails is fetched once
more.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import json
import logging
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

import requests
from django.conf import settings

from portal.kernel.errors import Permanent, Temporary
from services.backends.process.engines.store import Progress, root
from services.spec import Engine, Maven

logger = logging.getLogger(__name__)
_AT_ONCE = 6
_TIMEOUT_SECONDS = 60


class Artifact(TypedDict):
    """One line of a lock: `group:artifact:packaging:classifier:version`."""

    coord: str
    sha256: str
    size: int


def fill(engine: Engine, source: Maven, part: Path, progress: Progress) -> None:
    """Raises: Permanent("engine-checksum"), Temporary("engine-download")."""
    artifacts: list[Artifact] = json.loads(source.lock.read_text())["artifacts"]
    total = sum(a["size"] for a in artifacts) or 1
    done = 0
    context = _context()
    files: dict[str, Path] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = {pool.submit(_fetch, context, a): a for a in artifacts}
        for job in as_completed(jobs):
            artifact = jobs[job]
            files[artifact["coord"]] = job.result()
            done += artifact["size"]
            progress(90 * done // total, "download")
    if source.unpack is None:
        _lay(files, part)
    else:
        progress(92, "unpack")
        _unpack(next(iter(files.values())), source, part)
    for pattern in source.executable:
        for path in part.glob(pattern):
            path.chmod(0o755)


def _context() -> Any:
    from jgo.maven import MavenContext

    cache = root() / ".m2"
    cache.mkdir(parents=True, exist_ok=True)
    mirror = settings.POLDER_MAVEN_REPOSITORY
    return MavenContext(
        repo_cache=cache,
        timeout=_TIMEOUT_SECONDS,
        remote_repos={"mirror": mirror} if mirror else None,
    )


def _fetch(context: Any, artifact: Artifact) -> Path:
    group, name, packaging, classifier, version = artifact["coord"].split(":")
    found = context.project(group, name).at_version(version).artifact(classifier, packaging)
    for attempt in (1, 2):
        try:
            path = Path(found.resolve())
        except (requests.RequestException, OSError, RuntimeError, AssertionError) as error:
            if attempt == 2:
                raise Temporary(
                    "engine-download", retry_after=30, detail=f"{artifact['coord']}: {error}"[:600]
                ) from error
            continue
        if _sha256(path) == artifact["sha256"]:
            return path
        path.unlink(missing_ok=True)
    raise Permanent(
        "engine-checksum", detail=f"{artifact['coord']} is not the file that the lock names."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lay(files: dict[str, Path], part: Path) -> None:
    """All jars side by side, linked from the cache; two of one name get their group in front."""
    for coord, path in sorted(files.items()):
        group = coord.split(":")[0]
        target = part / path.name
        if target.exists():
            target = part / f"{group}.{path.name}"
        try:
            os.link(path, target)
        except OSError:
            shutil.copy2(path, target)
        target.chmod(0o644)


# -- archives
# ---------------------------------------------------------------------------------------


def _unpack(archive: Path, source: Maven, part: Path) -> None:
    """What lies under `source.unpack`; `inner.txz!` in front of it opens an archive inside the
    archive.
    """
    inner, _, prefix = (source.unpack or "").rpartition("!")
    opened: Path | io.BytesIO = _member(archive, inner) if inner else archive
    for name, mode, data in _members(opened, inner or archive.name):
        path = _below(name, prefix)
        if path is None or any(str(path).startswith(p) for p in source.leave_out):
            continue
        target = part / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, str):
            target.symlink_to(data)
            continue
        with target.open("wb") as file:
            shutil.copyfileobj(data, file)
        target.chmod(0o755 if mode & 0o100 else 0o644)


def _member(archive: Path, pattern: str) -> io.BytesIO:
    with zipfile.ZipFile(archive) as file:
        names = fnmatch.filter(file.namelist(), pattern)
        if not names:
            raise Permanent("engine-checksum", detail=f"{archive.name} holds no {pattern}")
        return io.BytesIO(file.read(names[0]))


def _members(opened: Path | io.BytesIO, name: str) -> Iterator[tuple[str, int, Any]]:
    """(name, mode, file or link target) of each file in a zip or tar."""
    if name.endswith((".zip", ".jar")):
        with zipfile.ZipFile(opened) as file:
            for info in file.infolist():
                if not info.is_dir():
                    with file.open(info) as data:
                        yield info.filename, info.external_attr >> 16, data
        return
    stream = opened if isinstance(opened, io.BytesIO) else opened.open("rb")
    with stream, tarfile.open(mode="r:*", fileobj=stream) as tar:
        for member in tar:
            if member.issym():
                yield member.name, 0o777, member.linkname
            elif member.isfile():
                yield member.name, member.mode, tar.extractfile(member)


def _below(name: str, prefix: str) -> PurePosixPath | None:
    """`name` relative to `prefix` (parts may hold `*`); None outside it. Raises: Permanent on a
    path that escapes.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise Permanent("engine-checksum", detail=f"the archive holds the path {name}")
    wanted = PurePosixPath(prefix).parts if prefix else ()
    parts = tuple(p for p in path.parts if p != ".")
    if len(parts) <= len(wanted):
        return None
    if not all(fnmatch.fnmatch(p, w) for p, w in zip(parts, wanted, strict=False)):
        return None
    return PurePosixPath(*parts[len(wanted) :])


def lock(roots: list[str]) -> list[Artifact]:
    """Resolves `roots` (developer's side; POMs are read once) into lock lines.

    A root is `group:artifact:version` or all five parts; `=` in front takes that file alone, `-`
    leaves one out.
    """
    context = _context()
    plain = [r for r in roots if r[0] not in "=-"]
    dropped = {r[1:] for r in roots if r.startswith("-")}
    wanted = {_five(r[1:]) for r in roots if r.startswith("=")}
    if plain:  # without the "!" jgo would import each root as a list of versions
        direct, deeper = context.resolver.resolve(
            [context.create_dependency(f"{r}!") for r in plain]
        )
        for found in (*direct, *deeper):
            if _belongs(found, found in deeper, dropped):
                kind = "jar" if found.type in ("bundle", "test-jar", "maven-plugin") else found.type
                classifier = found.classifier or ""
                wanted.add(
                    f"{found.groupId}:{found.artifactId}:{kind}:{classifier}:{found.version}"
                )
    return [_locked(context, coord) for coord in sorted(wanted)]


def _belongs(found: Any, transitive: bool, dropped: set[str]) -> bool:
    return not (
        found.scope in ("test", "provided", "system")
        or f"{found.groupId}:{found.artifactId}" in dropped
        or (found.optional and transitive)
        or found.type == "pom"
    )


def _five(coord: str) -> str:
    parts = coord.split(":")
    return coord if len(parts) == 5 else f"{parts[0]}:{parts[1]}:jar::{parts[2]}"


def _locked(context: Any, coord: str) -> Artifact:
    group, name, packaging, classifier, version = coord.split(":")
    path = Path(
        context.project(group, name).at_version(version).artifact(classifier, packaging).resolve()
    )
    return {"coord": coord, "sha256": _sha256(path), "size": path.stat().st_size}
