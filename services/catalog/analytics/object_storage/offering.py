"""Object storage with the S3 protocol: SeaweedFS on one machine, Ceph on Kubernetes, both named as
what they are.
"""

from decimal import Decimal

from services.spec import (
    METERS_OF_PLANS,
    Family,
    Meter,
    Offering,
    Parameter,
    Plan,
    Version,
    gettext_noop,
)

OFFERING = Offering(
    slug="object-storage",
    prefix="ob",
    symbol="Ob",
    name="Data lake (S3)",
    family=Family.ANALYTICS,
    summary=gettext_noop("Buckets for any kind of data, over the S3 protocol"),
    description=gettext_noop(
        "S3 with signature version 4: buckets, versions, lifecycle rules, bucket policies, "
        "multipart uploads and signed links, over HTTPS. SeaweedFS serves it on one machine, Ceph "
        "in regions with Kubernetes. You pay for the storage of the plan."
    ),
    licence="Apache-2.0",
    trademarks=(("Amazon S3", "Amazon.com, Inc. or its affiliates"),),
    price_class="analytics.object-storage",
    sla_class="storage",
    meters=(
        *METERS_OF_PLANS,
        Meter("read_requests", "million"),
        Meter("write_requests", "million"),
    ),
    spot=("dev",),
    popular=True,
    database_label=gettext_noop("Bucket"),
    secrets=("password", "write_key", "read_key"),
    versions=(Version("4"),),  # of the protocol's signature: what clients must speak
    plans=(
        Plan("dev-1x1", vcpu=Decimal(1), memory_mib=1024, storage_gib=10),
        Plan("single-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=200),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=1000),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=500, nodes=3),
    ),
    parameters=(
        Parameter(
            "bucket",
            gettext_noop("First bucket"),
            "string",
            default="data",
            minimum=3,
            maximum=40,
            pattern=r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
            mutable=False,
            advanced=False,
            help=gettext_noop(
                "3 to 40 lower-case letters, digits and hyphens; begin and end with a letter or a "
                "digit. You can make more buckets with any S3 client."
            ),
        ),
        Parameter(
            "layout",
            gettext_noop("Layout"),
            "choice",
            default="single",
            choices=("single", "lake"),
            mutable=False,
            advanced=False,
            help=gettext_noop(
                "“lake” adds the buckets of a data lake: the first bucket's name with -raw, "
                "-processed and -curated."
            ),
        ),
    ),
)
