"""What a MariaDB server is set to, on whatever backend. Source: MariaDB Knowledge Base, server
system variables, release 11.4.
"""

from services.spec import InstanceSpec

_STRICT = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_MODES = {
    "strict": _STRICT,
    "traditional": "TRADITIONAL",
    "ansi": f"ANSI,{_STRICT}",
    "lenient": "NO_ENGINE_SUBSTITUTION",
}


def limits(spec: InstanceSpec) -> dict[str, str]:
    """What a plan gives; another plan restarts the server."""
    memory = spec.plan.memory_mib
    return {
        "innodb-buffer-pool-size": f"{memory // 4 if memory <= 1024 else memory // 2}M",
        "innodb-log-file-size": f"{min(1024, max(16, memory // 16))}M",
        "tmp-table-size": f"{min(256, max(16, memory // 64))}M",
        "max-heap-table-size": f"{min(256, max(16, memory // 64))}M",
        "key-buffer-size": "8M",
        "aria-pagecache-buffer-size": f"{min(128, max(8, memory // 64))}M",
        "table-open-cache": "400" if memory <= 1024 else "2000",
        "thread-pool-size": str(max(1, int(spec.plan.vcpu))),
    }


def dynamic(spec: InstanceSpec) -> dict[str, str]:
    """What a running server takes over."""
    slow = spec.parameters["slow_query_seconds"]
    return {
        "max_connections": str(spec.parameters["max_connections"]),
        "sql_mode": f"'{_MODES[spec.parameters['sql_mode']]}'",
        "slow_query_log": "1" if slow else "0",
        "long_query_time": str(slow or 10),
    }


def fixed(spec: InstanceSpec) -> dict[str, str]:
    """What nobody chooses but the character set."""
    return {
        "skip_name_resolve": "1",
        "local_infile": "0",
        "symbolic_links": "0",
        "performance_schema": "0",
        "thread_handling": "pool-of-threads",
        "character_set_server": spec.parameters["character_set"],
    }
