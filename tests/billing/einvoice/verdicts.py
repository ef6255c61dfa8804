"""What every judge said of the documents that are right, as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from billing.einvoice.profiles import Profile

PDF_JUDGES = {"vera:3a": "PDF/A-3A", "vera:ua1": "PDF/UA-1", "mustang": "Mustang"}
_SECOND = "phive"


class Verdicts:
    """Filled by the tests, which have their own assertions; a cell stays empty where nobody asked,
    and a profile is not written for a buyer whom it does not suit.
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        self._fired = self._documents = 0
        self._valid: Counter[str] = Counter()

    def fired(self, case: str, shape: str, counts: Mapping[Profile, int]) -> None:
        """How many of the standards' rules looked at the document, by our own judge."""
        self._cells[case, shape] |= {p.value: str(count) for p, count in counts.items()}
        self._fired += sum(counts.values())
        self._documents += len(counts)

    def second(self, case: str, shape: str, valid: Mapping[Profile, bool]) -> None:
        """What phive said of each profile."""
        self._cells[case, shape][_SECOND] = f"{sum(valid.values())} of {len(valid)} valid"
        self._valid[_SECOND] += sum(valid.values())

    def pdf(self, case: str, shape: str, valid: Mapping[str, bool]) -> None:
        """By the keys of `PDF_JUDGES`."""
        for kind, ok in valid.items():
            self._cells[case, shape][PDF_JUDGES[kind]] = "valid" if ok else "refused"
            self._valid[PDF_JUDGES[kind]] += ok

    def table(self) -> str:
        columns = [*(profile.value for profile in Profile), _SECOND, *PDF_JUDGES.values()]
        rows = [["case", "shape", *columns], ["---"] * (len(columns) + 2)]
        rows += [[*key, *(self._cells[key].get(c, "") for c in columns)] for key in self._cells]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        valid = ", ".join(f"{name} {count}" for name, count in self._valid.items())
        said = f"{self._fired:,} rules fired on {self._documents} XML documents; valid: {valid}"
        return "\n".join(["", *lines, said])
