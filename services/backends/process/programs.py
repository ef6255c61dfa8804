"""The program of an instance, and what today's renderer would make other than what it runs with."""

from __future__ import annotations

from collections.abc import Iterator

from services.backends.process.layout import Folder
from services.backends.process.supervisor import Program
from services.spec import Difference, ProcessSpec


def program_of(process: ProcessSpec, name: str, folder: Folder) -> Program:
    return Program(
        name=name,
        argv=process.argv,
        directory=folder.data,
        log=folder.log,
        environment={"LANG": "C.UTF-8", "HOME": str(folder.data), **process.env},
        user=folder.user,
        stop_signal=process.stop_signal,
        stop_seconds=process.stop_seconds,
        exit_codes=process.exit_codes,
    )


def differences(
    process: ProcessSpec, folder: Folder, *, same_program: bool
) -> tuple[Difference, ...]:
    return tuple(_differing(process, folder, same_program))


def _differing(process: ProcessSpec, folder: Folder, same_program: bool) -> Iterator[Difference]:
    if not same_program:
        yield Difference("Program", folder.instance, "changed", restart=True)
    for file in process.files:
        path, restarts = folder.config / file.path, process.reload == "restart"
        if not path.exists():
            yield Difference("File", file.path, "new", restart=restarts)
        elif path.read_text() != file.content:
            yield Difference("File", file.path, "changed", restart=restarts)
