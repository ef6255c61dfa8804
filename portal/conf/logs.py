"""Structured logs: stable event names, ids in `extra`, the request's id on every line."""

from __future__ import annotations

import logging
import re
from textwrap import indent
from typing import Any

from portal.kernel.context import request_id

_PLAIN = {
    *vars(logging.makeLogRecord({})),
    "message",
    "asctime",
    "request_id",
    "request",
    "taskName",
}

_TRACE = "  | "
_OTHER_BREAKS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(value: object) -> str:
    """With control characters written out, so that nobody's words look like a line of ours."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], str(value))


class RequestIdFilter(logging.Filter):
    """Puts the id of the request (or task) at hand on each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class TextFormatter(logging.Formatter):
    """One readable line: time, level, event, `name=value` pairs, request id."""

    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        pairs = [f"{k}={one_line(v)}" for k, v in vars(record).items() if k not in _PLAIN]
        ident = getattr(record, "request_id", "-")
        line = " ".join(
            [
                self.formatTime(record, "%H:%M:%S"),
                f"{record.levelname.lower():7}",
                one_line(record.getMessage()),
                *pairs,
                *([f"request={ident}"] if ident != "-" else []),
            ]
        )
        if not record.exc_info:
            return line
        # What an error says may hold words of others: set off, they are no line of ours.
        trace = indent(self.formatException(record.exc_info), _TRACE, lambda _: True)
        return f"{line}\n{_OTHER_BREAKS.sub(lambda found: repr(found[0])[1:-1], trace)}"


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """For Django's LOGGING. `form` is "text" or "json"."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "portal.conf.logs.RequestIdFilter"}},
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "{asctime}{levelname}{name}{message}{request_id}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            },
            "text": {"()": "portal.conf.logs.TextFormatter"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": ["request_id"],
                "formatter": form,
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "kubernetes": {"level": "WARNING"},
            "pikepdf": {"level": "WARNING"},
        },
    }
