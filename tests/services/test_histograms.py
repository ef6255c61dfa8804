"""Buckets and quantiles against the values themselves."""

import itertools
import random
from fractions import Fraction

import pytest

from services.instances import histograms
from services.instances.histograms import added, bucket_of, end_of, fading, quantile


def counted(values):
    found = {}
    for value in values:
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 1
    return found


def nearest_rank(values, share):
    ordered = sorted(values)
    return ordered[max(-(-share * len(ordered) // 1) - 1, 0)]


@pytest.mark.parametrize("value", [0, 10, 11, 99, 1000, 64_000, 4_000_000])
def test_a_bucket_ends_hardly_above_what_it_holds(value):
    end = end_of(bucket_of(value))
    assert value <= end <= max(value * 105 // 100 + 1, histograms.FIRST)


def test_ends_grow_by_one_at_least():
    ends = histograms._ENDS
    assert all(after > before for before, after in itertools.pairwise(ends))
    assert bucket_of(10**18) == len(ends) - 1


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(95, 100), Fraction(995, 1000)])
def test_quantiles_are_at_most_a_bucket_above_the_true_ones(seed, share):
    chance = random.Random(seed)
    values = [int(chance.lognormvariate(5, 1.5)) for _ in range(chance.randint(1, 600))]
    true, told = nearest_rank(values, share), quantile(counted(values), share)
    assert true <= told <= max(true * 106 // 100 + 1, histograms.FIRST)


def test_nothing_has_no_quantile():
    assert quantile({}, Fraction(1, 2)) == 0


def test_a_day_counts_half_of_the_one_after_it():
    busy, idle = {bucket_of(1000): 10}, {bucket_of(50): 10}
    assert fading([(0, busy), (1, busy)]) == {bucket_of(1000): 30}
    faded = fading([(0, idle), (4, busy)])
    assert faded == {bucket_of(50): 160, bucket_of(1000): 10}
    assert quantile(faded, Fraction(9, 10)) < 60
    assert quantile(fading([(0, idle), (1, busy)]), Fraction(9, 10)) >= 1000


def test_weights_are_added_up():
    assert added([(1, {1: 2}), (3, {1: 1, 2: 1})]) == {1: 5, 2: 3}
    assert fading([]) == {}
