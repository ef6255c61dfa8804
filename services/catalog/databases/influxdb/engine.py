"""InfluxDB 1.6, from the machine's own packages."""

from services.spec import Debian, Engine

ENGINES = (
    Engine(
        name="influxdb-1.6",
        title="InfluxDB 1.6",
        version="1.6",
        source=Debian("influxdb", "influxd"),
        licence="MIT",
        size_mib=17,
        download_mib=0,
    ),
)
