# SPDX-License-Identifier: BSD-2-Clause
"""The arithmetic of `make bench`, apart from what runs and what draws: spreads, ratios, verdicts.

A series is what one participant did in one measure, a figure for each round. Ratios are taken within a
round, so that what disturbs the machine for a while disturbs both of their sides. A verdict is on the
median of the rounds, and says in how many of them the bound was kept.
"""
import dataclasses
import operator
import statistics


@dataclasses.dataclass(frozen=True)
class Spread:
    mid: float
    low: float
    high: float

    def __format__(self, spec):
        """The middle, and in brackets the least and the greatest; one figure where all are the same."""
        if self.low == self.high:
            return format(self.mid, spec)
        return f"{self.mid:{spec}} ({self.low:{spec}}..{self.high:{spec}})"


def spread(series):
    return Spread(statistics.median(series), min(series), max(series))


def quotients(ours, other):
    """@ours by @other, round by round."""
    return [a / b for a, b in zip(ours, other, strict=True)]


def times_better(ours, other, smaller_is_better):
    """How many times better @ours is, round by round."""
    return quotients(other, ours) if smaller_is_better else quotients(ours, other)


@dataclasses.dataclass(frozen=True)
class Bound:
    """@least or @most, the other is None."""
    least: float = None
    most: float = None

    def __post_init__(self):
        if (self.least is None) == (self.most is None):
            raise ValueError("a bound is either a least or a most")

    @property
    def limit(self):
        return self.most if self.least is None else self.least

    def keeps(self, value):
        return (operator.le if self.least is None else operator.ge)(value, self.limit)

    def margin(self, value):
        """Above 1 it is kept, below 1 it is not: how many times as good as it has to be."""
        return self.limit / value if self.least is None else value / self.limit

    def __str__(self):
        return f"{'at most' if self.least is None else 'at least'} {self.limit:,}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    bound: Bound
    spread: Spread
    kept: int
    rounds: int

    @property
    def met(self):
        return self.bound.keeps(self.spread.mid)

    def margins(self):
        """The margin's spread: with a most, the greatest figure gives the least margin."""
        ends = [self.bound.margin(value) for value in (self.spread.low, self.spread.high)]
        return Spread(self.bound.margin(self.spread.mid), min(ends), max(ends))

    def text(self):
        if not self.met:
            return "**not met**"
        return "met" if self.kept == self.rounds else f"met (in {self.kept} of {self.rounds} rounds)"


def judge(bound, series):
    return Verdict(bound, spread(series), sum(map(bound.keeps, series)), len(series))
