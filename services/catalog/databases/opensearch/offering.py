"""OpenSearch. Releases: https://opensearch.org/releases/ (read November 2026). Its operator runs no
cluster of one node, so that every plan has three.
"""

from decimal import Decimal

from services.manifests.parameters import BACKUP_DAYS, PUBLIC
from services.spec import (
    Family,
    Offering,
    Parameter,
    Plan,
    Version,
    VersionStatus,
    gettext_noop,
)

OFFERING = Offering(
    slug="opensearch",
    prefix="os",
    symbol="Os",
    name="OpenSearch",
    family=Family.DATABASES,
    summary=gettext_noop("Full-text search and analytics"),
    description=gettext_noop(
        "The open-source search engine with the REST API that Elasticsearch 7 had: full-text and "
        "vector search, aggregations, log analytics, and Dashboards if you wish. Always three "
        "nodes, always with TLS."
    ),
    licence="Apache-2.0",
    trademarks=(
        ("OpenSearch", "LF Projects, LLC"),
        ("Elasticsearch", "Elasticsearch B.V."),
    ),
    price_class="database.opensearch",
    sla_class="database",
    secrets=("password", "admin_password", "dashboards_password"),
    versions=(Version("3"), Version("2.19", VersionStatus.DEPRECATED)),
    plans=(
        Plan("ha-1x4", vcpu=Decimal(1), memory_mib=4096, storage_gib=20, nodes=3),
        Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80, nodes=3),
        Plan("ha-4x16", vcpu=Decimal(4), memory_mib=16384, storage_gib=160, nodes=3),
    ),
    parameters=(
        Parameter(
            "dashboards",
            gettext_noop("With OpenSearch Dashboards"),
            "boolean",
            default=False,
            restart=False,
            advanced=False,
            help=gettext_noop("Pages to explore and chart what is in the indices."),
        ),
        Parameter(
            "create_indices",
            gettext_noop("Make an index at the first write"),
            "boolean",
            default=True,
            help=gettext_noop("Otherwise a write to an index that does not exist is refused."),
        ),
        Parameter(
            "max_shards",
            gettext_noop("Shards on one node, at most"),
            "integer",
            default=1000,
            minimum=100,
            maximum=4000,
            help=gettext_noop("Each open shard takes some of the plan's memory."),
        ),
        PUBLIC,
        BACKUP_DAYS,
    ),
)
