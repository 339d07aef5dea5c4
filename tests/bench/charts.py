# SPDX-License-Identifier: BSD-2-Clause
"""The charts of docs/PERFORMANCE.md, made of the same data as its tables.

A panel of bars is a measure: a row for each participant with its name, its bar, a whisker from the least to
the greatest round, its median and how many times better Vireo is. The chart of bounds has a mark for
each ring format: to the right of the line the bound is kept.
"""
import dataclasses
import math

import measures
import page
from figures import judge, spread, times_better
from svg import Svg

WIDTH, EDGE = 760, 12
NAME_X, BAR_X, BAR_END, VALUE_X, BETTER_X = 142, 152, 530, 616, WIDTH - EDGE
ROW, BAR = 24, 15
TICKS = 5
KINDS = {"vireo": "ours", "vireo-packed": "ours2", "floor": None}


@dataclasses.dataclass(frozen=True)
class Bar:
    """@kind: a fill of svg.FILLS; None is an outline, of what is no competitor."""
    name: str
    kind: str
    value: float
    low: float
    high: float
    shown: str
    better: str = ""


@dataclasses.dataclass(frozen=True)
class Panel:
    title: str
    axis: str
    bars: tuple
    value_head: str
    better_head: str = ""


def step_of(largest):
    """A distance of ticks that is 1, 2 or 5 times a power of ten."""
    raw = largest / TICKS
    power = 10 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)


def tick_text(value):
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e4 else f"{value:,g}"


def draw_axis(svg, panel, top, bottom, scale, largest):
    """The last tick is where the axis ends."""
    step = step_of(largest)
    for number in range(math.ceil(largest / step - 1e-9) + 1):
        x = BAR_X + number * step * scale
        svg.line(x, top, x, bottom, "grid" if number else "axis")
        svg.text(x, bottom + 15, tick_text(number * step), 11, "middle", "muted")
    svg.text((BAR_X + BAR_END) / 2, bottom + 33, panel.axis, 11.5, "middle", "muted")


def draw_bar(svg, bar, middle, scale, bold):
    ours = bold and bar.kind in ("ours", "ours2")
    svg.text(NAME_X, middle + 4, bar.name, 12.5, "end", "ink", ours)
    draw = svg.bar if bar.kind else svg.frame
    draw(BAR_X, middle - BAR / 2, bar.value * scale, BAR, bar.kind or "limit")
    if bar.high > bar.low:
        svg.whisker(BAR_X + bar.low * scale, BAR_X + bar.high * scale, middle)
    svg.text(VALUE_X, middle + 4, bar.shown, 12.5, "end", "ink", ours)
    if bar.better:
        svg.text(BETTER_X, middle + 4, bar.better, 12.5, "end", "muted")


def largest_of(panel):
    return max(bar.high for bar in panel.bars)


def draw_panel(svg, panel, largest):
    """@largest: the figure that the axis has to reach."""
    top = svg.height + 24
    svg.text(EDGE, top, panel.title, 15, bold=True)
    svg.text(VALUE_X, top, panel.value_head, 11.5, "end", "muted")
    if panel.better_head:
        svg.text(BETTER_X, top, panel.better_head, 11.5, "end", "muted")
    first = top + 12
    bottom = first + len(panel.bars) * ROW + 2
    step = step_of(largest)
    scale = (BAR_END - BAR_X) / (math.ceil(largest / step - 1e-9) * step)
    draw_axis(svg, panel, first, bottom, scale, largest)
    for number, bar in enumerate(panel.bars):
        draw_bar(svg, bar, first + (number + 0.5) * ROW + 1, scale, bool(panel.better_head))
    svg.height = bottom + 44


def bars_chart(title, description, panels, one_scale=False):
    svg = Svg(WIDTH, title, description)
    common = max(map(largest_of, panels))
    for panel in panels:
        draw_panel(svg, panel, common if one_scale else largest_of(panel))
    return svg


def measure_panel(data, key):
    measure = measures.BY_KEY[key]
    rounds = data["rates"][key]
    bars = []
    for name in filter(rounds.get, measures.NAMES):
        of = spread(rounds[name])
        better = "" if name in measures.OURS or "vireo" not in rounds else \
            f"{spread(times_better(rounds['vireo'], rounds[name], measure.once)).mid:.2f} ×"
        bars.append(Bar(measure.name(name), KINDS.get(name, "peer"), of.mid, of.low, of.high,
                        f"{of.mid:,.1f}" if measure.once else f"{of.mid:,.0f}", better))
    count = data["about"]["rounds"]
    unit = "milliseconds, shorter is better" if measure.once else f"{measure.unit} a second"
    return Panel(measure.heading, f"{unit} (bar: median of {count} rounds; line: least to greatest)",
                 tuple(bars), "ms" if measure.once else "a second", "Vireo is better by")


def parts_panel(title, parts):
    bars = tuple(Bar(name, "ours", count, count, count, f"{count:.0f}")
                 for name, count in sorted(parts.items(), key=lambda item: -item[1])
                 if count >= 0.5)
    return Panel(f"{title}: {sum(parts.values()):.0f} instructions",
                 "instructions for each read (one trace of some hundred reads)", bars, "instructions")


# --- bounds --------------------------------------------------------------------------------

MARGIN_X, MARGIN_END = 392, 650
BOUND_ROW = 25
LEAST, MOST = 0.25, 16.0  # of the axis, which is logarithmic
WHAT = {"boot": "Start to all ready", "end": "Start to QEMU's end"}


@dataclasses.dataclass(frozen=True)
class Row:
    """@margins: a spread for the split and one for the packed ring."""
    text: str
    margins: tuple
    met: bool


def rate_row(data, bound):
    verdicts = [judge(bound.bound, series) for ours in measures.OURS
                if (series := bound.series(data["rates"], ours))]
    if len(verdicts) != len(measures.OURS):
        return None
    title = measures.BY_KEY[bound.measure].title
    what = WHAT.get(bound.measure, title.replace(" random", "").replace(" sequential", ""))
    versus = f" × {measures.BY_KEY[bound.measure].name(bound.versus)}" if bound.versus else " a second"
    return Row(f"{what}: {bound.bound.limit:,}{versus}",
               tuple(verdict.margins() for verdict in verdicts),
               all(verdict.met for verdict in verdicts))


def count_row(data, bound):
    limit = bound.bound("aarch64")
    if not limit:
        return None
    values = [page.count_of(data, bound, f"aarch64 {ring}") for ring in ("split", "packed")]
    if None in values:
        return None
    margins = tuple(spread([limit.margin(value) if value else 2 * MOST]) for value in values)
    text = f"{bound.title[0].upper()}{bound.title[1:]}: {page.number(limit.limit)}"
    return Row(text, margins, all(map(limit.keeps, values)))


def margin_x(margin):
    clamped = min(max(margin, LEAST), MOST)
    return MARGIN_X + (MARGIN_END - MARGIN_X) * math.log(clamped / LEAST, MOST / LEAST)


def draw_margins(svg, row, middle):
    svg.text(MARGIN_X - 14, middle + 4, row.text, 11.5, "end")
    for number, margin in enumerate(row.margins):
        y = middle + (number - 0.5) * 9
        mark, fill = ((svg.dot, "ours"), (svg.diamond, "ours2"))[number]
        if margin.high > margin.low:
            svg.whisker(margin_x(margin.low), margin_x(margin.high), y, 3)
        mark(margin_x(margin.mid), y, 4.5, fill)
    least = min(margin.mid for margin in row.margins)
    svg.text(BETTER_X, middle + 4, f"{least:.2f} ×" if least <= MOST else f"over {MOST:g} ×", 11.5,
             "end", "good" if row.met else "bad", not row.met)


def draw_legend(svg, y):
    svg.dot(MARGIN_X + 4, y - 4, 4.5, "ours")
    svg.text(MARGIN_X + 14, y, "split ring", 11.5, ink="muted")
    svg.diamond(MARGIN_X + 100, y - 4, 4.5, "ours2")
    svg.text(MARGIN_X + 110, y, "packed ring", 11.5, ink="muted")
    svg.text(BETTER_X, y, "lesser of both", 11.5, "end", "muted")


def draw_margin_axis(svg, top, bottom):
    for power in range(-2, 5):
        x = margin_x(2.0 ** power)
        svg.line(x, top, x, bottom, "grid" if power else "bound", 1 if power else 1.5)
        svg.text(x, bottom + 15, f"{2.0 ** power:g}", 11, "middle", "muted")
    svg.text((MARGIN_X + MARGIN_END) / 2, bottom + 33,
             "times as good as demanded (mark: median; line: all rounds)", 11.5, "middle", "muted")


def bounds_chart(groups):
    """@groups: rows by heading; None is a row that was not measured."""
    svg = Svg(WIDTH, "How near Vireo is to the bounds of the project",
              "For each bound, how many times as good as demanded. From 1 on it is met.")
    svg.text(EDGE, 24, "Margins of the bounds: met from 1 on", 15, bold=True)
    draw_legend(svg, 24)
    groups = {head: [row for row in rows if row] for head, rows in groups.items()}
    top = 38
    count = sum(len(rows) + 1 for rows in groups.values())
    draw_margin_axis(svg, top, top + count * BOUND_ROW + 4)
    y = top + BOUND_ROW / 2 + 2
    for head, rows in groups.items():
        svg.text(EDGE, y + 4, head, 12, bold=True)
        for number, row in enumerate(rows, 1):
            draw_margins(svg, row, y + number * BOUND_ROW)
        y += (len(rows) + 1) * BOUND_ROW
    svg.height = top + count * BOUND_ROW + 48
    return svg


def all_charts(data):
    """From a file's name to its picture."""
    charts = {}
    for file, title, keys in measures.CHARTS:
        charts[file] = bars_chart(title, "Medians, with the least and the greatest of all rounds.",
                                  [measure_panel(data, key) for key in keys])
    charts["instructions"] = bars_chart(
        "Instructions of a 4 KiB read by part of the stack", "One trace on AArch64, split ring.",
        [parts_panel(title, parts) for title, parts in data["parts"].items()], one_scale=True)
    charts["bounds"] = bounds_chart({
        "Rates, against": [rate_row(data, bound) for bound in measures.RATE_BOUNDS],
        "Counts on AArch64, at most": [count_row(data, bound) for bound in measures.COUNT_BOUNDS]})
    return charts
