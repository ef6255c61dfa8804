"""Beat, which starts what the timetable says and shows that it goes on."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler

from portal.kernel import alive


class Scheduler(PersistentScheduler):
    """As Celery's own, and it touches the file that a probe looks at."""

    max_interval = alive.SECONDS

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        alive.touch()
        return super().tick(*args, **kwargs)
