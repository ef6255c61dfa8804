"""Archives inside archives, and those that try to get out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from portal.kernel.errors import Permanent
from services.backends.process import engines
from tests.services.process.sources import Registry, jar, jars, tar

Offer = Callable[..., None]
GOOD = (
    ("./server-1/bin/run", b"#!/bin/sh\necho hello\n", 0o755, ""),
    ("./server-1/bin/again", None, 0o755, "*./server-1/bin/run"),
    ("./server-1/bin/link", None, 0o777, "run"),
    ("./server-1/docs/long", b"not needed", 0o644, ""),
    ("./other/file", b"outside", 0o644, ""),
)


def test_archive_inside_a_jar(home: Path, tmp_path: Path, packages: Registry, offer: Offer) -> None:
    files = {"alpha": jar(**{"inner.txz": tar(*GOOD), "readme": b"x"})}
    packages.publish_jar("alpha", files["alpha"])
    offer(jars(tmp_path, files, unpack="*.txz!server-*", leave_out=("docs/",)))
    found = engines.install("jars")
    assert sorted(str(p.relative_to(found)) for p in found.rglob("*")) == [
        "bin",
        "bin/again",
        "bin/link",
        "bin/run",
        "manifest.json",
    ]
    assert (found / "bin" / "again").read_bytes() == GOOD[0][1]
    assert (found / "bin" / "link").resolve() == found / "bin" / "run"
    assert (found / "bin" / "run").stat().st_mode & 0o777 == 0o755


def test_zip_gets_its_programs_executable(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    files = {"alpha": jar(**{"top/docs/": b"", "top/bin/run": b"x", "top/lib/data": b"y"})}
    packages.publish_jar("alpha", files["alpha"])
    offer(jars(tmp_path, files, unpack="top", leave_out=("docs/",), executable=("bin/*",)))
    found = engines.install("jars")
    rights = [(found / name).stat().st_mode & 0o777 for name in ("bin/run", "lib/data")]
    assert rights == [0o755, 0o644]
    assert not (found / "docs").exists()


@pytest.mark.parametrize(
    "entries",
    [
        [("../escaped", b"x", 0o644, "")],
        [("/tmp/escaped", b"x", 0o644, "")],
        [("link", None, 0o777, "/tmp"), ("link/escaped", b"x", 0o644, "")],
        [("link", None, 0o777, "../../.."), ("link/escaped", b"x", 0o644, "")],
        [("a", None, 0o777, "."), ("b", None, 0o777, "a/../../..")],
        [("hard", None, 0o644, "*../../../tiny.lock")],
        [("hard", None, 0o644, "*/etc/passwd")],
    ],
)
def test_archive_that_wants_out_is_refused(
    home: Path,
    tmp_path: Path,
    packages: Registry,
    offer: Offer,
    entries: list[tuple[str, bytes | None, int, str]],
) -> None:
    files = {"alpha": jar(**{"inner.txz": tar(*entries)})}
    packages.publish_jar("alpha", files["alpha"])
    offer(jars(tmp_path, files, unpack="inner.txz!"))
    with pytest.raises(Permanent) as caught:
        engines.install("jars")
    assert caught.value.code == "engine-checksum"
    assert not list(home.rglob("escaped"))
    assert not Path("/tmp/escaped").exists()
    assert not (home / "engines" / "jars").exists()


@pytest.mark.parametrize(
    ("content", "unpack"),
    [
        (jar(other=b"x"), "*.txz!"),
        (jar(**{"inner.txz": b"no archive at all"}), "inner.txz!"),
        (jar(**{"inner.txz": tar(*GOOD)[:150]}), "inner.txz!"),
        (jar(other=b"x"), "absent"),
    ],
)
def test_archive_without_what_the_recipe_names(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer, content: bytes, unpack: str
) -> None:
    packages.publish_jar("alpha", content)
    offer(jars(tmp_path, {"alpha": content}, unpack=unpack))
    with pytest.raises(Permanent) as caught:
        engines.install("jars")
    assert caught.value.code == "engine-checksum"
    assert engines.state("jars").code == "engine-checksum"
