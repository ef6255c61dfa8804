"""Serverless containers: an image that runs while it is asked for."""

from decimal import Decimal

from services.manifests.parameters import IMAGE, PUBLIC, SCALE
from services.spec import Family, Meter, Offering, Parameter, Plan, Probe, Version, gettext_noop

OFFERING = Offering(
    slug="serverless-containers",
    prefix="sc",
    symbol="Sc",
    name="Serverless containers",
    family=Family.SERVERLESS,
    summary=gettext_noop("Your image, running while it is asked for"),
    description=gettext_noop(
        "Knative runs your image: as many containers as the requests need, and none while there "
        "are none. You pay for the seconds in which they work."
    ),
    licence="Apache-2.0",
    trademarks=(("Knative", "The Linux Foundation"),),
    price_class="serverless.containers",
    sla_class="compute",
    probe=Probe("connection"),  # a request would start what sleeps, and be billed
    versions=(Version("1.23"),),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=0),
        Plan("single-1x2", vcpu=Decimal(1), memory_mib=2048, storage_gib=0),
        Plan("single-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=0),
        Plan("single-4x8", vcpu=Decimal(4), memory_mib=8192, storage_gib=0),
    ),
    parameters=(
        IMAGE,
        Parameter(
            "port",
            gettext_noop("Port"),
            "integer",
            default=8080,
            minimum=1024,
            maximum=65535,
            restart=False,
            help=gettext_noop(
                "Where your program listens for HTTP. Knative itself needs 8012, 8013, 8022, 9090 "
                "and 9091."
            ),
        ),
        *SCALE,
        PUBLIC,
    ),
    meters=(
        Meter("vcpu_second", "second"),
        Meter("memory_gib_second", "second"),
        Meter("requests", "million"),
    ),
)
