"""Sets of tags, kept once each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from billing.models import TagSet


class TagSets:
    """The ids of tag sets, looked up once in a run. Lives no longer than its transaction."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, tags: Mapping[str, str]) -> int:
        """The id of the set that holds exactly `tags`, made when nobody had them before."""
        text = json.dumps(tags, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if text not in self._known:
            digest = hashlib.sha256(text.encode()).hexdigest()
            row, _ = TagSet.objects.get_or_create(digest=digest, defaults={"tags": dict(tags)})
            self._known[text] = row.pk
        return self._known[text]
