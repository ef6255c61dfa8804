"""Usage beyond plans, as meters and backends report it, and what is known of usage by the hour.

* `cloudevents`, `ingestion`  one reported event; many, exactly once, into the table
* `reporting`                 what a region's backend counted, as such events
* `meter_keys`                what an external meter logs in with
* `quarantine`, `silence`     events that contradict earlier ones; services without any
* `queries`, `notices`        reads by hour or day; what staff hear
* `growth`                    how far counters of servers went since they were read. Pure

Imports `costs` (a correction may follow) and what is below it. What is rated is `metering`'s.
"""
