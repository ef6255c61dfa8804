"""Price classes in words, and the group under which the price list shows them. Plain data.

A class names what is priced: an offering, a part of one, or something that has no offering of its
own. What stands before the dot is its group.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

GROUPS = {
    "compute": gettext_noop("Compute"),
    "storage": gettext_noop("Storage"),
    "network": gettext_noop("Network"),
    "containers": gettext_noop("Containers"),
    "database": gettext_noop("Databases"),
    "analytics": gettext_noop("Data and analytics"),
    "ai": gettext_noop("Machine learning and AI"),
    "integration": gettext_noop("Messaging and integration"),
    "messaging": gettext_noop("Mail and SMS"),
    "devtools": gettext_noop("Developer tools"),
    "serverless": gettext_noop("Serverless"),
    "iot": gettext_noop("IoT and edge"),
    "blockchain": gettext_noop("Blockchain"),
    "security": gettext_noop("Security and identity"),
    "monitoring": gettext_noop("Monitoring"),
    "recovery": gettext_noop("Disaster recovery"),
    "support": gettext_noop("Support"),
}
CLASSES = {
    "compute.general": gettext_noop("Virtual machine, general purpose"),
    "compute.shared": gettext_noop("Virtual machine, shared cores"),
    "compute.gpu-l4": gettext_noop("GPU, L4"),
    "compute.gpu-l40s": gettext_noop("GPU, L40S"),
    "compute.gpu-h100": gettext_noop("GPU, H100 with 80 GB"),
    "compute.batch": gettext_noop("Batch on spare machines"),
    "storage.block": gettext_noop("Block storage"),
    "storage.block-iops": gettext_noop("Block storage, fast"),
    "storage.snapshot": gettext_noop("Snapshots of block storage"),
    "storage.backup": gettext_noop("Backup service"),
    "storage.file": gettext_noop("File storage"),
    "network.egress": gettext_noop("Internet"),
    "network.ipv4": gettext_noop("Public IPv4 address"),
    "network.vpc": gettext_noop("Private network"),
    "network.gateway-s": gettext_noop("Gateway S"),
    "network.gateway-m": gettext_noop("Gateway M"),
    "network.gateway-l": gettext_noop("Gateway L"),
    "network.load-balancer-s": gettext_noop("Load balancer S"),
    "network.load-balancer-m": gettext_noop("Load balancer M"),
    "network.load-balancer-l": gettext_noop("Load balancer L"),
    "network.vpn": gettext_noop("VPN"),
    "network.cdn": gettext_noop("Content delivery network"),
    "network.dns": gettext_noop("DNS"),
    "network.api-gateway": gettext_noop("API gateway"),
    "network.waf": gettext_noop("Web application firewall"),
    "containers.kubernetes": gettext_noop("Kubernetes cluster"),
    "containers.kubernetes-virtual": gettext_noop("Kubernetes cluster, virtual"),
    "containers.registry": gettext_noop("Container registry"),
    "containers.service-mesh": gettext_noop("Service mesh"),
    "database.postgresql": "PostgreSQL",
    "database.mysql": "MySQL",
    "database.mariadb": "MariaDB",
    "database.mongodb": gettext_noop("Document database"),
    "database.cassandra": "Cassandra",
    "database.timeseries": gettext_noop("Time series database"),
    "database.vector": gettext_noop("Vector database"),
    "database.valkey": gettext_noop("Valkey and Redis"),
    "database.memcached": "Memcached",
    "database.opensearch": "OpenSearch",
    "analytics.object-storage": gettext_noop("Object storage, three zones"),
    "analytics.object-storage-one-zone": gettext_noop("Object storage, one zone"),
    "analytics.object-storage-infrequent": gettext_noop("Object storage, rarely read"),
    "analytics.object-storage-archive": gettext_noop("Object storage, archive"),
    "analytics.clickhouse": "ClickHouse",
    "analytics.spark": "Spark",
    "analytics.flink": "Flink",
    "analytics.trino": "Trino",
    "analytics.airflow": "Airflow",
    "ai.notebooks": gettext_noop("Notebooks"),
    "ai.notebooks-l4": gettext_noop("Notebooks, GPU L4"),
    "ai.notebooks-l40s": gettext_noop("Notebooks, GPU L40S"),
    "ai.notebooks-h100": gettext_noop("Notebooks, GPU H100"),
    "ai.inference": gettext_noop("Model serving"),
    "ai.inference-l4": gettext_noop("Model serving, GPU L4"),
    "ai.inference-l40s": gettext_noop("Model serving, GPU L40S"),
    "ai.inference-h100": gettext_noop("Model serving, GPU H100"),
    "ai.llm-s": gettext_noop("Language model, small"),
    "ai.llm-m": gettext_noop("Language model, medium"),
    "ai.llm-l": gettext_noop("Language model, large"),
    "ai.feature-store": gettext_noop("Feature store"),
    "ai.model-registry": gettext_noop("Model registry"),
    "ai.tracking": gettext_noop("Experiment tracking"),
    "integration.kafka": "Kafka",
    "integration.rabbitmq": "RabbitMQ",
    "integration.nats": "NATS",
    "integration.queues": gettext_noop("Queues and topics"),
    "integration.event-bus": gettext_noop("Event bus"),
    "integration.workflow": gettext_noop("Workflows"),
    "messaging.email": gettext_noop("Mail"),
    "messaging.sms": gettext_noop("SMS in Germany"),
    "devtools.runner": gettext_noop("CI runner, 2 vCPU and 8 GiB"),
    "devtools.git": gettext_noop("Git repositories"),
    "devtools.artifacts": gettext_noop("Artefact repositories"),
    "devtools.workspace": gettext_noop("Development workspace"),
    "serverless.containers": gettext_noop("Serverless containers"),
    "serverless.functions": gettext_noop("Functions"),
    "iot.mqtt": "MQTT",
    "iot.edge": gettext_noop("Edge cluster"),
    "blockchain.peer": gettext_noop("Blockchain peer"),
    "security.secrets": gettext_noop("Secrets"),
    "security.kms": gettext_noop("Keys"),
    "security.hsm": gettext_noop("Keys in a hardware module"),
    "security.certificates": gettext_noop("Certificates"),
    "security.staff-identity": gettext_noop("Sign-in for your staff"),
    "security.customer-identity": gettext_noop("Sign-in for your customers"),
    "monitoring.metrics": gettext_noop("Metrics of your own"),
    "monitoring.logs": gettext_noop("Logs"),
    "monitoring.traces": gettext_noop("Traces"),
    "recovery.replica": gettext_noop("Replica for disaster recovery"),
    "support.basic": gettext_noop("Support, basic"),
    "support.business": gettext_noop("Support, business"),
    "support.critical": gettext_noop("Support, critical"),
}


def class_label(price_class: str) -> str:
    return _(CLASSES[price_class]) if price_class in CLASSES else price_class


def group_of(price_class: str) -> str:
    """The code of its group; itself where the book has a group that nobody named yet."""
    return price_class.partition(".")[0]


def group_label(group: str) -> str:
    return _(GROUPS[group]) if group in GROUPS else group
