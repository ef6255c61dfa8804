"""System users. As root, each instance runs under a user of its own; otherwise all run as the one
who started Polder.

A bare numeric id will not do: PostgreSQL, for one, looks its user up in the passwd file.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from portal.kernel.errors import Permanent, Temporary

_PREFIX = "polder-"


@lru_cache(maxsize=1)
def running_as_root() -> bool:
    return os.geteuid() == 0


def user_for(instance: str) -> str | None:
    """The system user of an instance: None when there is nothing to drop from."""
    return f"{_PREFIX}{instance}" if running_as_root() else None


def exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def ensure_user(name: str) -> None:
    """Creates the system user `name` with a group of its own, without shell or home. Nothing to do
    unless root.

    Raises: Temporary while another process holds the passwd file; Permanent when the system
    refuses.
    """
    if not running_as_root() or exists(name):
        return
    done = subprocess.run(
        [
            _tool("useradd"),
            "--system",
            "--user-group",
            "--no-create-home",
            "--no-log-init",
            "--home-dir=/nonexistent",
            "--shell=/usr/sbin/nologin",
            name,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 or exists(name):
        return
    if done.returncode in (1, 10):  # the passwd or group file is locked or cannot be updated now
        raise Temporary("user-locked", retry_after=1, detail=done.stderr.strip())
    raise Permanent("user-refused", detail=done.stderr.strip())


def _tool(name: str) -> str:
    """Where the program is: after `su` without a dash, root's PATH lacks the system folders.

    Raises: Permanent.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise Permanent("user-refused", detail=f"{name} is missing (Debian package passwd)")
    return found


def remove_user(name: str) -> None:
    """Removes a user that `ensure_user` made. Raises: Temporary while the passwd file is locked or
    it still runs.
    """
    if not name.startswith(_PREFIX) or not running_as_root() or not exists(name):
        return
    done = subprocess.run([_tool("userdel"), name], capture_output=True, text=True, check=False)
    if done.returncode != 0 and exists(name):
        raise Temporary("user-locked", retry_after=1, detail=done.stderr.strip())


def give(path: Path, user: str | None) -> None:
    """Hands `path` and all below it to `user`; links are not followed. Nothing to do unless
    root.
    """
    if user is None or not running_as_root():
        return
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def demoted(user: str | None) -> dict[str, Any]:
    """Keyword arguments that make `subprocess` run as `user`."""
    if user is None or not running_as_root():
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def open_to_all(path: Path) -> bool:
    """Whether every user may read `path`: it and all folders above it are open to others."""
    real = path.resolve()
    return bool(real.stat().st_mode & 0o004) and all(
        folder.stat().st_mode & 0o001 for folder in real.parents
    )


def end_processes(name: str) -> None:
    """Ends what still runs as `name` (helpers that a server left behind). Nothing to do unless
    root.
    """
    if not name.startswith(_PREFIX) or not running_as_root() or not exists(name):
        return
    uid = pwd.getpwnam(name).pw_uid
    for process in psutil.process_iter(["uids"]):
        uids = process.info["uids"]
        if uids is not None and uids.real == uid:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
