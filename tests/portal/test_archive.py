"""Backup files that are not what they say."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from portal.embedded import archive
from portal.embedded.refusal import Refusal


def forge(file: Path, members: dict[str, bytes | None]) -> Path:
    """A backup with these members; without content a member is a link to /etc/passwd."""
    manifest = {"format": archive.FORMAT, "made_at": "", "members": dict.fromkeys(members, "0")}
    with tarfile.open(file, "w") as tar:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content or b"")
            info.type = tarfile.REGTYPE if content is not None else tarfile.SYMTYPE
            info.linkname = "" if content is not None else "/etc/passwd"
            tar.addfile(info, io.BytesIO(content or b""))
    return file


@pytest.mark.parametrize(
    "members",
    [
        {"../outside": b"x"},
        {"/tmp/polder-outside": b"x"},
        {"inner/../../outside": b"x"},
        {"keys.json": None},
        {"keys.json": b"not what the digest says"},
    ],
    ids=["above", "absolute", "round about", "link", "digest"],
)
def test_a_forged_backup_is_refused_and_writes_nothing_outside(
    tmp_path: Path, members: dict[str, bytes | None]
) -> None:
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(Refusal, match="is not a whole backup"):
        archive._unpack(forge(tmp_path / "forged", members), folder)
    assert not (tmp_path / "deep" / "outside").exists()
    assert not (tmp_path / "outside").exists()
    assert not Path("/tmp/polder-outside").exists()
