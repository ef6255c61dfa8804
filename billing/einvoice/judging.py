"""`judge(document)`: whether it may be issued.

Nothing is issued that has one fatal finding. Rules that are not there, or a judge that does not
answer, are fatal, too: what was not looked at has not passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from billing.einvoice import rules
from billing.einvoice.asking import RuleWorker, WorkerGone, WorkerSlow
from billing.einvoice.checks import own_findings
from billing.einvoice.document import Document
from billing.einvoice.findings import Finding, Judge
from billing.einvoice.profiles import Profile, build, profiles_for
from billing.einvoice.reading import differences
from billing.einvoice.rulesets import RULE_SETS

_UNREADABLE = ("amount-exact", "line-base", "lines-missing")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`xml` is what was judged, to be stored as it is; `fired` the number of the standards' rules
    that were applied to it. Both are empty where the document could not be written at all.
    """

    findings: tuple[Finding, ...]
    xml: dict[Profile, bytes]
    fired: dict[Profile, int]

    @property
    def fatal(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.fatal)

    @property
    def may_be_issued(self) -> bool:
        return bool(self.xml) and not self.fatal


def judge(document: Document, profiles: Iterable[Profile] | None = None) -> Verdict:
    """By our own checks and, in each of `profiles` (those that suit the buyer), by the standards
    themselves.
    """
    findings = own_findings(document)
    xml: dict[Profile, bytes] = {}
    fired: dict[Profile, int] = {}
    if any(f.code in _UNREADABLE for f in findings):
        return Verdict(tuple(findings), xml, fired)
    for profile in profiles or profiles_for(document):
        xml[profile] = build(document, profile)
        found, fired[profile] = judge_xml(document, profile, xml[profile])
        findings += found
    return Verdict(tuple(findings), xml, fired)


def judge_xml(document: Document, profile: Profile, xml: bytes) -> tuple[list[Finding], int]:
    """Whether `xml` says what `document` says, and keeps the standard's rules; how many of them
    were applied.
    """
    findings = [
        Finding(Judge.READING, "reads-otherwise", text, profile)
        for text in differences(document, xml)
    ]
    folder = rules.folder()
    missing = RULE_SETS[profile].missing(folder)
    if missing:
        text = f"{', '.join(missing)} not found in {folder}: run make einvoice-rules."
        return [*findings, Finding(Judge.MACHINE, "rules-missing", text, profile)], 0
    try:
        answer = worker(folder).ask(profile, xml)
    except (WorkerGone, WorkerSlow) as error:
        text = f"The rules gave no answer: {error or 'their process died'}."
        return [*findings, Finding(Judge.MACHINE, "rules-silent", text, profile)], 0
    return [
        *findings,
        *answer.findings,
        *_idle(answer.fired, answer.findings, profile),
    ], answer.fired


def _idle(fired: int, findings: tuple[Finding, ...], profile: Profile) -> Iterator[Finding]:
    if not fired and not findings:
        yield Finding(Judge.MACHINE, "rules-idle", "No rule looked at anything.", profile)


@lru_cache(maxsize=1)
def worker(folder: Path) -> RuleWorker:
    """The one process of this one, started at the first question."""
    return RuleWorker(folder)
