"""Functions: an image that `func` or buildpacks made of one, running while it is called."""

from decimal import Decimal

from services.manifests.parameters import IMAGE, PUBLIC, SCALE
from services.spec import Family, Meter, Offering, Plan, Probe, Version, gettext_noop

OFFERING = Offering(
    slug="functions",
    prefix="fn",
    symbol="Fn",
    name="Functions",
    family=Family.SERVERLESS,
    summary=gettext_noop("A function behind an address, running while it is called"),
    description=gettext_noop(
        "Knative runs the image that func or buildpacks made of your function: Python, Node.js, "
        "Go, Java and others. Building is your own or your pipeline's. You pay for invocations "
        "and for the memory that they hold."
    ),
    licence="Apache-2.0",
    trademarks=(("Knative", "The Linux Foundation"),),
    price_class="serverless.functions",
    sla_class="compute",
    probe=Probe("connection"),  # a request would start what sleeps, and be billed
    versions=(Version("1.23"),),
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=0),
        Plan("single-1x2", vcpu=Decimal(1), memory_mib=2048, storage_gib=0),
        Plan("single-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=0),
    ),
    parameters=(IMAGE, *SCALE, PUBLIC),
    meters=(
        Meter("invocations", "million"),
        Meter("gb_second", "thousand"),
        Meter("provisioned_gb_second", "thousand"),
    ),
)
