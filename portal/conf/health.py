"""`/healthz`: the process is alive. `/readyz`: it can do its work, and if not, what is missing."""

from __future__ import annotations

import logging

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
_migrated = False  # once all are applied they stay so while this process lives


@require_safe
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """Asks nobody, so that a lost database restarts no web server."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """503 with the parts that are missing."""
    checks = {"database": _database(), "broker": _broker()}
    checks["migrations"] = _migrations() if checks["database"] == "ok" else "unknown"
    ok = all(word == "ok" for word in checks.values())
    return JsonResponse(
        {"status": "ok" if ok else "unavailable", "checks": checks}, status=200 if ok else 503
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError as error:
        logger.warning("readiness.database", extra={"error": type(error).__name__})
        return "unreachable"
    return "ok"


def _broker() -> str:
    """The cache is the broker's server."""
    try:
        cache.get("readiness")
    except (RedisError, OSError) as error:
        logger.warning("readiness.broker", extra={"error": type(error).__name__})
        return "unreachable"
    return "ok"


def _migrations() -> str:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "ok" if _migrated else "pending"
