"""Managed Kubernetes: a cluster of the tenant's own. A plan is the size of its workers.

Life cycle: https://kubernetes.io/releases/ (read November 2026).
"""

from datetime import date
from decimal import Decimal

from services.spec import (
    Family,
    Meter,
    Offering,
    Parameter,
    Plan,
    Version,
    VersionStatus,
    gettext_noop,
)

OFFERING = Offering(
    slug="kubernetes",
    prefix="kube",
    symbol="K8",
    name="Kubernetes",
    family=Family.CONTAINERS,
    summary=gettext_noop("A cluster of your own with a managed control plane"),
    description=gettext_noop(
        "Kubernetes as upstream publishes it: a managed control plane, workers of the plan's size "
        "that scale by themselves, and GPU workers that start when a pod asks for one. HA plans "
        "have three control planes and a worker in each of three zones."
    ),
    licence="Apache-2.0",
    trademarks=(("Kubernetes", "The Linux Foundation"),),
    price_class="containers.kubernetes",
    sla_class="kubernetes",
    popular=True,
    versions=(
        Version("1.35", ends_on=date(2027, 2, 28)),
        Version("1.34", VersionStatus.DEPRECATED, date(2026, 10, 27)),
        Version("1.33", VersionStatus.DEPRECATED, date(2026, 6, 28)),
        Version("1.32", VersionStatus.DEPRECATED, date(2026, 2, 28)),
        Version("1.31", VersionStatus.DEPRECATED, date(2025, 10, 28)),
    ),
    plans=(
        Plan("dev-2x4", vcpu=Decimal(2), memory_mib=4096, storage_gib=50),
        Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=100),
        Plan("single-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=100),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=100, nodes=3),
        Plan("ha-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=100, nodes=3),
        Plan("ha-8x32", vcpu=Decimal(8), memory_mib=32768, storage_gib=100, nodes=3),
    ),
    parameters=(
        Parameter(
            "more_workers",
            gettext_noop("Further workers at most"),
            "integer",
            default=0,
            minimum=0,
            maximum=30,
            restart=False,
            advanced=False,
            help=gettext_noop(
                "Added while pods find no room, and taken away when they are idle. Each is billed "
                "by the hour like a worker of the plan."
            ),
        ),
        Parameter(
            "runtime",
            gettext_noop("Container runtime"),
            "choice",
            default="containerd",
            choices=("containerd", "cri-o"),
            backend="kubernetes",
            help=gettext_noop("Changing it replaces all nodes, one after another."),
        ),
        Parameter(
            "gpu",
            gettext_noop("GPU workers"),
            "choice",
            default="none",
            choices=("none", "l4", "l40s", "h100"),
            restart=False,
            backend="kubernetes",
            help=gettext_noop(
                "A worker with this GPU starts when a pod asks for one, and is billed by the hour "
                "while it runs."
            ),
        ),
        Parameter(
            "gpu_workers",
            gettext_noop("GPU workers at most"),
            "integer",
            default=1,
            minimum=1,
            maximum=8,
            restart=False,
        ),
    ),
    meters=(
        Meter("control_plane", "hour"),
        Meter("vcpu", "hour"),
        Meter("memory_gib", "hour"),
        Meter("storage_gib", "hour"),
    ),
)
