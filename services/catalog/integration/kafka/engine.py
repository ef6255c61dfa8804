"""Apache Kafka from Maven, and the client that its set-up script runs on."""

from pathlib import Path

from services.spec import Engine, Maven, Wheel

_LOCKS = Path(__file__).parent / "locks"


def _kafka(line: str, version: str, size_mib: int, download_mib: int) -> Engine:
    return Engine(
        name=f"kafka-{line}",
        title=f"Apache Kafka {version}",
        version=version,
        source=Maven(_LOCKS / f"kafka-{line}.json"),
        licence="Apache-2.0",
        size_mib=size_mib,
        download_mib=download_mib,
        toolchain="jre-17",
    )


ENGINES = (
    _kafka("4.4", "4.4.0", 43, 43),
    _kafka("4.2", "4.2.2", 44, 43),
    _kafka("3.9", "3.9.2", 48, 48),
    Engine(
        name="kafka-client-2",
        title="confluent-kafka 2.16",
        version="2.16.1",
        source=Wheel(_LOCKS / "kafka-client-2.txt"),
        licence="Apache-2.0",
        size_mib=14,
        download_mib=5,
    ),
)
