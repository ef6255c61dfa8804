"""Engines from Maven: exactly the locked files, each checked by SHA-256; no POM is read and no
Maven is needed.

Source: jgo 3.2 as a library. It takes a half file of an interrupted download for a whole one and
only warns of a wrong checksum, so the digest is checked here, and a file that fails is fetched once
more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypedDict

import requests
from django.conf import settings

from portal.kernel.errors import Permanent, Temporary
from services.backends.process.engines import archive
from services.backends.process.engines.store import (
    DISK_FULL,
    NOT_WRITABLE,
    Progress,
    last_words,
    root,
)
from services.spec import Engine, Maven

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
    downloads = part / ".downloads"
    files = fetch(downloads, artifacts, progress)
    if source.unpack is None:
        _lay(files, part)
    else:
        progress(92, "unpack")
        (opened,) = files.values()
        archive.unpack(opened, source, part)
    shutil.rmtree(downloads)
    for pattern in source.executable:
        for path in part.glob(pattern):
            path.chmod(0o755)


def fetch(
    folder: Path, artifacts: list[Artifact], progress: Progress = lambda percent, what: None
) -> dict[str, Path]:
    """The locked files by coordinate, somewhere below `folder`.

    Raises: Permanent("engine-checksum"), Temporary("engine-download").
    """
    return _fetch_all(_context(folder), artifacts, progress)


def _context(folder: Path) -> Any:
    from jgo.maven import MavenContext

    mirror = settings.POLDER_MAVEN_REPOSITORY.rstrip("/")
    return MavenContext(
        repo_cache=folder,
        timeout=_TIMEOUT_SECONDS,
        remote_repos={"mirror": mirror} if mirror else None,
    )


def _fetch_all(context: Any, artifacts: list[Artifact], progress: Progress) -> dict[str, Path]:
    """The locked files by coordinate, in the folder of `context`."""
    total = sum(a["size"] for a in artifacts) or 1
    files: dict[str, Path] = {}
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        jobs = {pool.submit(_fetch, context, a): a["coord"] for a in artifacts}
        waiting = set(jobs)
        while waiting:
            done, waiting = wait(waiting, timeout=0.3, return_when=FIRST_EXCEPTION)
            files |= {jobs[job]: job.result() for job in done}
            progress(min(90, 90 * _bytes(context.repo_cache) // total), "download")
    finally:
        pool.shutdown(cancel_futures=True)
    return files


def _bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


# -- one file -------------------------------------------------------------------------------------


def cache() -> Path:
    """Checked files that later installations reuse. A file gets here whole, by rename, so that
    installations which run at the same time cannot spoil each other's.
    """
    return root() / ".m2"


def prune() -> None:
    """Deletes what no installed engine shares."""
    for path in cache().rglob("*"):
        if path.is_file() and path.stat().st_nlink == 1:
            path.unlink(missing_ok=True)


def _fetch(context: Any, artifact: Artifact) -> Path:
    found = _find(context, artifact["coord"])
    own = Path(found.cached_path)
    shared = cache() / own.relative_to(context.repo_cache)
    if _copy(shared, own):
        if _sha256(own) == artifact["sha256"]:
            return own
        shared.unlink(missing_ok=True)
    for attempt in (1, 2):
        own.unlink(missing_ok=True)
        if _download(found, artifact, last=attempt == 2) and _sha256(own) == artifact["sha256"]:
            _copy(own, shared)
            return own
    raise Permanent(
        "engine-checksum", detail=f"{artifact['coord']} is not the file that the lock names."
    )


def _download(found: Any, artifact: Artifact, *, last: bool) -> bool:
    """False when it may be tried once more. Raises: Temporary at the last try, OSError of the
    disk.
    """
    try:
        found.resolve()
    except (requests.RequestException, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (*DISK_FULL, *NOT_WRITABLE):
            raise
        if last:
            words = last_words(f"{artifact['coord']}: {error}")
            raise Temporary("engine-download", retry_after=30, detail=words) from error
        return False
    return True


def _copy(path: Path, target: Path) -> bool:
    """A hard link where the disk can, made under another name first. False if there is no
    `path`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        os.link(path, part)
    except FileNotFoundError:
        return False
    except OSError:
        shutil.copy2(path, part)
    part.replace(target)
    part.unlink(missing_ok=True)  # the rename leaves it where both were the same file
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lay(files: dict[str, Path], part: Path) -> None:
    """All jars side by side; two of one name get their group in front."""
    for coord, path in sorted(files.items()):
        target = part / path.name
        if target.exists():
            target = part / f"{coord.split(':')[0]}.{path.name}"
        path.rename(target)


# -- the developer's side -------------------------------------------------------------------------


def lock(roots: list[str]) -> list[Artifact]:
    """Resolves `roots` (POMs are read once) into lock lines.

    A root is `group:artifact:version` or all five parts; `=` in front takes that file alone, `-`
    leaves one out.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        context = _context(Path(folder))
        wanted = {_five(r[1:]) for r in roots if r.startswith("=")}
        wanted |= _resolved(context, [r for r in roots if r[0] not in "=-"], _dropped(roots))
        return list(pool.map(lambda coord: _locked(context, coord), sorted(wanted)))


def _dropped(roots: list[str]) -> set[str]:
    return {r[1:] for r in roots if r.startswith("-")}


def _resolved(context: Any, roots: list[str], dropped: set[str]) -> set[str]:
    """Coordinates of `roots` and all they need to run."""
    if not roots:
        return set()
    # Without the "!" jgo would import each root as a list of versions.
    direct, deeper = context.resolver.resolve([context.create_dependency(f"{r}!") for r in roots])
    found = set()
    for need, transitive in (*((d, False) for d in direct), *((d, True) for d in deeper)):
        if _belongs(need, transitive, dropped):
            kind = "jar" if need.type in ("bundle", "test-jar", "maven-plugin") else need.type
            coord = (need.groupId, need.artifactId, kind, need.classifier or "", need.version)
            found.add(":".join(coord))
    return found


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
    path = Path(_find(context, coord).resolve())
    return {"coord": coord, "sha256": _sha256(path), "size": path.stat().st_size}


def _find(context: Any, coord: str) -> Any:
    group, name, packaging, classifier, version = coord.split(":")
    return context.project(group, name).at_version(version).artifact(classifier, packaging)
