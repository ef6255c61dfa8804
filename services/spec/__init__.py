"""The vocabulary every offering is written in. Plain data: no Django, no I/O.

A managed service is an `Offering` value plus small pure renderers: `kubernetes.py` (desired spec →
manifests, live objects → Observation) and `process.py` (desired spec → `ProcessSpec`, a real server
on one machine). Backends do all I/O.

* `catalogue`   what can be ordered: offerings, plans, versions, parameters
* `promises`    what the SLA promises of a plan
* `instance`    what one instance shall be, and what its backend shows of it
* `process`     a real server on one machine
* `engines`     its programs, and where they come from
* `kubernetes`  objects of a cluster
* `usage`       what an instance uses beyond the time of its plan
* `entry`       an offering with its renderers
* `backend`     what a backend is asked and answers
* `texts`       what is translated, and what is hidden

Its words are imported from here, not from the modules that hold them.

Units: memory in MiB, storage in GiB, time in seconds. Plan ids are `dev-1x1`, `single-2x8`,
`ha-2x8` (kind, vCPU × GiB). Texts that a person reads are marked with `gettext_noop` and translated
at render.
"""

from services.spec.backend import (
    Backend,
    Difference,
    Effect,
    Health,
    Reading,
    Report,
    UsageAsked,
    UsageTold,
)
from services.spec.catalogue import (
    METERS_OF_PLANS,
    Capability,
    Family,
    Meter,
    Offering,
    Parameter,
    Plan,
    Probe,
    Snippet,
    Version,
    VersionStatus,
)
from services.spec.engines import Debian, Engine, Maven, Wheel
from services.spec.entry import Entry
from services.spec.instance import (
    Credentials,
    Endpoint,
    InstanceSpec,
    Observation,
    Observed,
    Restore,
)
from services.spec.kubernetes import (
    BackupStore,
    Bin,
    Kind,
    Kubernetes,
    Leftovers,
    Listing,
    Live,
    Manifest,
    Pods,
    Ref,
    RegionSettings,
)
from services.spec.process import (
    Action,
    Client,
    Counting,
    Exec,
    File,
    Http,
    Listener,
    Place,
    Process,
    ProcessSpec,
    Sql,
    Talk,
)
from services.spec.promises import promised_availability, promised_latency
from services.spec.texts import Secret, gettext_noop
from services.spec.usage import Counted, Counter, Standing, Usage

__all__ = [
    "METERS_OF_PLANS",
    "Action",
    "Backend",
    "BackupStore",
    "Bin",
    "Capability",
    "Client",
    "Counted",
    "Counter",
    "Counting",
    "Credentials",
    "Debian",
    "Difference",
    "Effect",
    "Endpoint",
    "Engine",
    "Entry",
    "Exec",
    "Family",
    "File",
    "Health",
    "Http",
    "InstanceSpec",
    "Kind",
    "Kubernetes",
    "Leftovers",
    "Listener",
    "Listing",
    "Live",
    "Manifest",
    "Maven",
    "Meter",
    "Observation",
    "Observed",
    "Offering",
    "Parameter",
    "Place",
    "Plan",
    "Pods",
    "Probe",
    "Process",
    "ProcessSpec",
    "Reading",
    "Ref",
    "RegionSettings",
    "Report",
    "Restore",
    "Secret",
    "Snippet",
    "Sql",
    "Standing",
    "Talk",
    "Usage",
    "UsageAsked",
    "UsageTold",
    "Version",
    "VersionStatus",
    "Wheel",
    "gettext_noop",
    "promised_availability",
    "promised_latency",
]
