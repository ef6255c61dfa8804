"""Every VAT case in every shape passes every rule, and what was not looked at does not pass."""

import os
import signal
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from billing.einvoice import judging, rules
from billing.einvoice.asking import RuleWorker, WorkerGone, WorkerSlow
from billing.einvoice.findings import Judge
from billing.einvoice.judging import judge
from billing.einvoice.profiles import Profile, build
from billing.einvoice.rulesets import RULE_SETS
from tests.billing.einvoice import samples

# Of the smallest document. Fewer would mean that a rule set is not the one we think it is.
AT_LEAST_FIRED = {
    Profile.FACTUR_X: 90,
    Profile.XRECHNUNG_CII: 100,
    Profile.XRECHNUNG_UBL: 65,
    Profile.PEPPOL: 90,
}


@pytest.mark.einvoice
@pytest.mark.parametrize("shape", samples.SHAPES)
@pytest.mark.parametrize("case", samples.CASES)
def test_it_may_be_issued(case, shape, einvoice_rules, verdicts):
    verdict = judge(samples.SHAPES[shape](case))
    verdicts.fired(case, shape, verdict.fired)
    assert verdict.findings == ()
    assert verdict.may_be_issued
    assert all(fired >= AT_LEAST_FIRED[profile] for profile, fired in verdict.fired.items())


@pytest.mark.einvoice
def test_a_change_of_rates_within_one_document(einvoice_rules):
    verdict = judge(samples.across_a_change_of_rates())
    assert verdict.findings == ()


@pytest.mark.parametrize("profile", Profile)
def test_rules_that_are_not_there_are_fatal(profile, settings, tmp_path):
    settings.POLDER_CACHE = tmp_path
    verdict = judge(samples.invoice(), [profile])
    assert [(f.judge, f.code) for f in verdict.fatal] == [(Judge.MACHINE, "rules-missing")]
    assert "make einvoice-rules" in verdict.fatal[0].text
    assert not verdict.may_be_issued


@pytest.mark.parametrize("profile", Profile)
def test_one_file_that_is_not_there_is_fatal(profile, settings, tmp_path):
    settings.POLDER_CACHE = tmp_path
    names = (RULE_SETS[profile].schema, *RULE_SETS[profile].sheets)
    for name in names[:-1]:
        (rules.folder() / name).parent.mkdir(parents=True, exist_ok=True)
        (rules.folder() / name).touch()
    (finding,) = judge(samples.invoice(), [profile]).fatal
    assert names[-1] in finding.text


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity"), 1])
def test_what_is_no_exact_decimal_is_not_even_written(amount):
    made = samples.invoice()
    wrong = replace(made, lines=(replace(made.lines[0], quantity=amount),))
    verdict = judge(wrong)
    assert {f.code for f in verdict.fatal} == {"amount-exact"}
    assert (verdict.xml, verdict.may_be_issued) == ({}, False)


# -- the process -----------------------------------------------------------------------------------


@pytest.fixture
def worker(einvoice_rules: Path):
    own = RuleWorker(einvoice_rules)
    yield own
    own.close()


def ask(worker: RuleWorker):
    return worker.ask(Profile.FACTUR_X, build(samples.invoice(), Profile.FACTUR_X))


@pytest.mark.einvoice
def test_a_process_that_died_is_started_again(worker):
    first = ask(worker)
    former = worker.pid
    os.kill(former, signal.SIGKILL)
    assert ask(worker) == first
    assert worker.pid != former


@pytest.mark.einvoice
def test_all_questions_go_to_one_process(worker):
    ask(worker)
    first = worker.pid
    ask(worker)
    assert worker.pid == first


@pytest.mark.einvoice
def test_the_process_gets_no_secret(worker, monkeypatch):
    monkeypatch.setenv("POLDER_SECRET_KEYS", "not-for-you")
    ask(worker)
    assert b"not-for-you" not in Path(f"/proc/{worker.pid}/environ").read_bytes()


def test_a_process_that_dies_each_time_is_told_of(tmp_path):
    """An empty folder has no rules: the process dies over the first question."""
    worker = RuleWorker(tmp_path)
    with pytest.raises(WorkerGone):
        ask(worker)
    assert worker.pid is None


def test_a_process_that_takes_too_long_is_ended(tmp_path):
    worker = RuleWorker(tmp_path, seconds=0)
    with pytest.raises(WorkerSlow):
        ask(worker)
    assert worker.pid is None


def test_no_answer_is_fatal(monkeypatch, tmp_path, settings):
    monkeypatch.setattr(judging, "worker", lambda folder: RuleWorker(folder, seconds=0))
    settings.POLDER_CACHE = tmp_path
    rule_set = RULE_SETS[Profile.FACTUR_X]
    for name in (rule_set.schema, *rule_set.sheets):
        (rules.folder() / name).parent.mkdir(parents=True, exist_ok=True)
        (rules.folder() / name).touch()
    (finding,) = judge(samples.invoice(), [Profile.FACTUR_X]).fatal
    assert finding.code == "rules-silent"
