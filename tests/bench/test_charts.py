# SPDX-License-Identifier: BSD-2-Clause
"""The charts: well-formed, the bars as long as their figures, no word on another, readable in light and
dark."""
import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest

import charts
import example
import measures
import svg

NAMESPACE = "{http://www.w3.org/2000/svg}"
PICTURES = charts.all_charts(example.results())
EACH = pytest.mark.parametrize("name", PICTURES)


def luminance(colour):
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """As WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme, background", [(0, svg.LIGHT), (1, svg.DARK)])
def test_contrast_is_enough_on_either_background(scheme, background):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for name, colours in svg.INKS.items():
        assert contrast(colours[scheme], background) >= 4.5, name
    for name, colours in (svg.FILLS | svg.LINES).items():
        if name not in ("grid", "axis"):
            assert contrast(colours[scheme], background) >= 3, name


@EACH
def test_it_is_xml_with_a_title_and_both_schemes(name):
    text = PICTURES[name].write()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{NAMESPACE}svg" and root.find(f"{NAMESPACE}title").text
    assert root.find(f"{NAMESPACE}desc").text
    style = root.find(f"{NAMESPACE}style").text
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    for node in root.iter():
        assert "fill" not in node.attrib, "a colour that does not change with the scheme"
        assert "stroke" not in node.attrib
        if "class" in node.attrib:
            assert f".{node.get('class')}{{" in light and f".{node.get('class')}{{" in dark
    width, height = map(float, root.get("viewBox").split()[2:])
    for rect in root.iter(f"{NAMESPACE}rect"):
        assert rect.get("width") and float(rect.get("x")) + float(rect.get("width")) <= width
        assert float(rect.get("y")) + float(rect.get("height")) <= height


@EACH
def test_no_word_is_on_another(name):
    picture = PICTURES[name]
    assert len(picture.boxes) == picture.write().count("<text ")
    for one, other in itertools.combinations(picture.boxes, 2):
        assert not one.meets(other), f"{one.text!r} and {other.text!r}"
    assert all(0 < box.top and box.bottom < picture.height for box in picture.boxes)


def test_boxes_meet_where_they_overlap():
    box = svg.Box(0, 0, 10, 10, "a")
    assert box.meets(svg.Box(9, 9, 20, 20, "b"))
    assert not box.meets(svg.Box(10, 0, 20, 10, "c")) and not box.meets(svg.Box(0, 11, 9, 20, "d"))


def test_a_word_that_leaves_the_picture_is_an_error():
    with pytest.raises(ValueError):
        svg.Svg(100, "t", "d").text(90, 10, "too long for this")


def test_words_are_written_as_they_are():
    picture = svg.Svg(200, 'a "title" & more', "d < e")
    picture.text(0, 20, "a < b & c")
    root = ElementTree.fromstring(picture.write())
    assert root.find(f"{NAMESPACE}text").text == "a < b & c"
    assert root.get("aria-label") == 'a "title" & more'


def bars(picture):
    root = ElementTree.fromstring(picture.write())
    return [float(rect.get("width")) for rect in root.iter(f"{NAMESPACE}rect")]


def test_bars_are_as_long_as_their_figures():
    picture = charts.bars_chart("t", "d", [charts.measure_panel(example.results(), "read-1")])
    names = [name for name in measures.NAMES if name in measures.BY_KEY["read-1"].counts]
    widths = dict(zip(names, bars(picture), strict=True))
    for name, width in widths.items():
        expected = example.SPEED[name] / example.SPEED["floor"]
        assert width / widths["floor"] == pytest.approx(expected, rel=0.01), name


def test_panels_with_one_scale_compare():
    small, large = (charts.parts_panel("p", {"part": value}) for value in (10.0, 100.0))
    one, other = bars(charts.bars_chart("t", "d", [small, large], one_scale=True))
    assert one * 10 == pytest.approx(other, rel=0.01)


def test_a_whisker_reaches_from_the_least_to_the_greatest():
    picture = charts.bars_chart("t", "d", [charts.measure_panel(example.results(), "read-1")])
    paths = [node.get("d") for node in ElementTree.fromstring(picture.write()).iter(f"{NAMESPACE}path")
             if node.get("class") == "whisker"]
    assert len(paths) == len(measures.BY_KEY["read-1"].counts)
    low, high = map(float, re.fullmatch(r"M([\d.]+) .*M[\d.]+ [\d.]+H([\d.]+)M.*", paths[0]).groups())
    # The slowest round is half as fast as the median, which is also the fastest.
    assert high - charts.BAR_X == pytest.approx(2 * (low - charts.BAR_X), rel=0.01)
    assert high - charts.BAR_X == pytest.approx(bars(picture)[0], abs=0.1)


@pytest.mark.parametrize("largest, step", [(4, 1), (5, 1), (5.1, 2), (1e6, 2e5), (0.3, 0.1), (48, 10)])
def test_ticks_are_round(largest, step):
    assert charts.step_of(largest) == pytest.approx(step)


@pytest.mark.parametrize("value, text", [(0, "0"), (500, "500"), (1500, "1,500"), (20000, "20 k"),
                                         (2500000, "2.5 M")])
def test_the_words_of_a_tick(value, text):
    assert charts.tick_text(value) == text


def test_the_bound_is_where_the_line_is():
    assert charts.margin_x(charts.LEAST) == charts.MARGIN_X
    assert charts.margin_x(1000) == charts.MARGIN_END
    assert charts.margin_x(0.9) < charts.margin_x(1.0) < charts.margin_x(1.1)


def test_a_row_of_bounds_shows_both_rings_and_the_worse():
    margins = (charts.spread([1.5]), charts.spread([0.5, 0.75, 1.0]))
    picture = charts.bounds_chart({"head": [charts.Row("one", margins, False), None]})
    text = picture.write()
    assert ">0.75 ×</text>" in text and text.count('class="whisker"') == 1
    assert text.count("<circle") == text.count('class="ours2"') == 2  # one of each is the legend's
