"""Style sheets and scripts as browsers get them: without what only people read.

The sources stay as they are, one rule a line; comments and indentation are left out when they are
collected. Nothing is renamed or rewritten, so no tool has to understand the language.
"""

from __future__ import annotations

import re

from django.core.files.base import ContentFile, File
from whitenoise.storage import CompressedManifestStaticFilesStorage

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_SPACE = re.compile(r"\s+")
_ROUND = re.compile(r" ?([{};]) ?")
# Of scripts only whole lines: a comment within one could stand in a string.
_COMMENT_LINES = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*\n", re.M | re.S)
_INDENTATION = re.compile(r"^[ \t]+", re.M)


class LeanStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # has no types
    """Our own files stand at the top; what packages bring has a folder and stays as it is."""

    def _save(self, name: str, content: File[bytes]) -> str:
        lean = _LEAN.get(name.rpartition(".")[2]) if "/" not in name else None
        if lean is not None:
            content.seek(0)  # who made the hash has read it
            content = ContentFile(lean(content.read().decode()).encode())
        return str(super()._save(name, content))


def lean_css(text: str) -> str:
    return _ROUND.sub(r"\1", _SPACE.sub(" ", _COMMENT.sub("", text))).strip()


def lean_js(text: str) -> str:
    """Keeps indentation where a text over several lines could hold it."""
    text = _COMMENT_LINES.sub("", text)
    return text if re.search(r"`[^`]*\n[^`]*`", text) else _INDENTATION.sub("", text)


_LEAN = {"css": lean_css, "js": lean_js}
