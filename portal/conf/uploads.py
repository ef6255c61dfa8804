"""Files that a form sends: in memory, and never more than the largest that anybody may send."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler

# A bank's statement (`billing.payments.camt`), which is the only file that is read, and the form
# around it.
MOST_BYTES = 5 * 1024 * 1024 + 65_536


class InMemory(MemoryFileUploadHandler):
    """Nothing is written to a disk; a body that says to be larger is not read."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # Django's name
        content_length: int,
        boundary: Any,  # the stubs say text, Django sends bytes
        encoding: str | None = None,
    ) -> None:
        if content_length > MOST_BYTES:
            raise RequestDataTooBig(f"A form of {content_length} bytes is too large.")
        self.activated = True
