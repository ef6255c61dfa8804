"""One mistake each, and none gets through: in no profile."""

import pytest

from billing.einvoice.checks import own_findings
from billing.einvoice.judging import judge_xml
from billing.einvoice.profiles import Profile, profiles_for
from tests.billing.einvoice import samples
from tests.billing.einvoice.mutations import MUTATIONS, Mutation

OWN = {name: mutation for name, mutation in MUTATIONS.items() if mutation.own}


def test_there_are_as_many_as_were_measured():
    assert len(MUTATIONS) == 31


@pytest.mark.parametrize("name", OWN)
def test_our_own_check_says_what_is_wrong(name):
    codes = {finding.code for finding in own_findings(OWN[name].made())}
    assert OWN[name].own in codes


@pytest.mark.parametrize("shape", samples.SHAPES)
@pytest.mark.parametrize("case", samples.CASES)
def test_our_own_checks_find_nothing_in_what_is_right(case, shape):
    assert own_findings(samples.SHAPES[shape](case)) == []


def fatal(mutation: Mutation, profile: Profile) -> set[str]:
    made = mutation.made()
    findings, _ = judge_xml(made, profile, mutation.xml(profile))
    return {f.code for f in (*own_findings(made), *findings) if f.fatal}


@pytest.mark.einvoice
@pytest.mark.parametrize("name", MUTATIONS)
def test_nothing_wrong_may_be_issued(name, einvoice_rules, mutation_report):
    mutation = MUTATIONS[name]
    found = {p: fatal(mutation, p) for p in profiles_for(mutation.made())}
    mutation_report[name] = found
    assert [p for p, codes in found.items() if not codes] == []
