"""What our offerings are called in FOCUS: category and subcategory of each. Plain data.

Source: FOCUS specification 1.2 and 1.4, ServiceSubcategory.
"""

from __future__ import annotations

from services import registry
from services.spec import Family, Offering

# Subcategory → its only category. Those that we use; all are in both versions.
CATEGORY_OF = {
    "Caching": "Databases",
    "Containers": "Compute",
    "Identity and Access Management": "Identity",
    "Messaging": "Integration",
    "NoSQL Databases": "Databases",
    "Object Storage": "Storage",
    "Relational Databases": "Databases",
    "Serverless Compute": "Compute",
    "Time Series Databases": "Databases",
    "Other (AI and Machine Learning)": "AI and Machine Learning",
    "Other (Analytics)": "Analytics",
    "Other (Compute)": "Compute",
    "Other (Databases)": "Databases",
    "Other (Integration)": "Integration",
    "Other (Internet of Things)": "Internet of Things",
    "Other (Other)": "Other",
    "Other (Security)": "Security",
    "Other (Storage)": "Storage",
    "Other (Web)": "Web",
}
_OFFERINGS = {
    "functions": "Serverless Compute",
    "influxdb": "Time Series Databases",
    "kafka": "Messaging",
    "kubernetes": "Containers",
    "mariadb": "Relational Databases",
    "memcached": "Caching",
    "nats": "Messaging",
    "object-storage": "Object Storage",
    "opensearch": "NoSQL Databases",
    "postgresql": "Relational Databases",
    "rabbitmq": "Messaging",
    "redis": "Caching",
    "serverless-containers": "Serverless Compute",
}
# For an offering that has no line above.
_FAMILIES = {
    Family.DATABASES: "Other (Databases)",
    Family.ANALYTICS: "Other (Analytics)",
    Family.INTEGRATION: "Other (Integration)",
    Family.CONTAINERS: "Containers",
    Family.SERVERLESS: "Serverless Compute",
}
NO_SERVICE = "Other (Other)"


def subcategory_of(offering: Offering) -> str:
    return _OFFERINGS.get(offering.slug) or _FAMILIES.get(offering.family, NO_SERVICE)


def services() -> list[tuple[str, str, str, str]]:
    """Slug, ServiceName, ServiceCategory and ServiceSubcategory of all that can be ordered."""
    found = []
    for slug, entry in sorted(registry.entries().items()):
        subcategory = subcategory_of(entry.offering)
        found.append((slug, entry.offering.name, CATEGORY_OF[subcategory], subcategory))
    return found
