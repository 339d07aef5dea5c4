# SPDX-License-Identifier: BSD-2-Clause
"""The arithmetic behind docs/PERFORMANCE.md: medians, ratios within a round, verdicts."""
import pytest

from figures import Bound, Spread, judge, quotients, spread, times_better


def test_spread_is_median_least_and_greatest():
    assert spread([9.0, 1.0, 4.0]) == Spread(4.0, 1.0, 9.0)
    assert spread([8.0, 1.0, 2.0, 4.0]) == Spread(3.0, 1.0, 8.0)


def test_a_spread_is_shown_with_its_ends():
    assert f"{Spread(1234.5, 1000, 2000):,.0f}" == "1,234 (1,000..2,000)"
    assert f"{Spread(0.5, 0.5, 0.5):.2f}" == "0.50"


def test_ratios_are_of_the_same_round():
    """The machine is half as fast in the second round: the ratio is 2 all the same, while that of the medians
    would be another."""
    ours, other = [100.0, 40.0, 90.0], [50.0, 20.0, 45.0]
    assert quotients(ours, other) == [2.0, 2.0, 2.0]
    assert times_better(ours, other, smaller_is_better=False) == [2.0, 2.0, 2.0]
    assert times_better(ours, other, smaller_is_better=True) == [0.5, 0.5, 0.5]
    assert spread(quotients([10.0, 1.0, 3.0], [1.0, 1.0, 10.0])).mid == 1.0


def test_rounds_that_are_missing_are_an_error():
    with pytest.raises(ValueError):
        quotients([1.0, 2.0], [1.0])


@pytest.mark.parametrize("bound, value, keeps, margin", [
    (Bound(least=9), 18.0, True, 2.0), (Bound(least=9), 9.0, True, 1.0),
    (Bound(least=9), 4.5, False, 0.5), (Bound(most=200), 100.0, True, 2.0),
    (Bound(most=200), 200.0, True, 1.0), (Bound(most=200), 400.0, False, 0.5)])
def test_a_bound_and_its_margin(bound, value, keeps, margin):
    assert bound.keeps(value) is keeps
    assert bound.margin(value) == margin


@pytest.mark.parametrize("least, most", [(None, None), (1, 2)])
def test_a_bound_has_one_side(least, most):
    with pytest.raises(ValueError):
        Bound(least=least, most=most)


def test_the_words_of_a_bound():
    assert (str(Bound(least=1000000)), str(Bound(most=1.3))) == ("at least 1,000,000", "at most 1.3")


@pytest.mark.parametrize("series, met, kept, text", [
    ([1.0, 1.1, 1.2], True, 3, "met"),
    ([0.9, 1.1, 1.2], True, 2, "met (in 2 of 3 rounds)"),
    ([0.9, 0.95, 1.2], False, 1, "**not met**")])
def test_a_verdict_is_on_the_median(series, met, kept, text):
    verdict = judge(Bound(least=1), series)
    assert (verdict.met, verdict.kept, verdict.rounds, verdict.text()) == (met, kept, 3, text)


def test_margins_of_a_most_turn_the_ends_round():
    assert judge(Bound(most=100), [50.0, 100.0, 200.0]).margins() == Spread(1.0, 0.5, 2.0)
    assert judge(Bound(least=100), [50.0, 100.0, 200.0]).margins() == Spread(1.0, 0.5, 2.0)
