# SPDX-License-Identifier: BSD-2-Clause
"""A small writer of SVG for the charts: shapes and words of classes that have a colour in light and one in
dark. The background is the page's, and the page's scheme chooses (prefers-color-scheme).

Each word's box is remembered, with a width on the safe side, so that a test can say that none is on
another; a word that would leave the picture is an error.
"""
import dataclasses
from xml.sax.saxutils import escape, quoteattr

FONT = 'system-ui,-apple-system,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif'
EM = 0.58  # the mean width of a letter, of sans-serif fonts that are not narrow
LIGHT, DARK = "#ffffff", "#0d1117"  # the pages' backgrounds, for the contrast's sake

# Class: (in light, in dark).
INKS = {"ink": ("#1f2328", "#e6edf3"), "muted": ("#59636e", "#9198a1"),
        "good": ("#116b53", "#3fcf9f"), "bad": ("#b3261e", "#ff8a80")}
FILLS = {"ours": ("#12805f", "#2fbf93"), "ours2": ("#3b9c80", "#1c8f6d"),
         "peer": ("#7d8590", "#6e7781")}
LINES = {"grid": ("#d8dee4", "#30363d"), "axis": ("#8c959f", "#6e7681"),
         "whisker": ("#1f2328", "#f0f6fc"), "limit": ("#59636e", "#9198a1"),
         "bound": ("#b3261e", "#ff8a80")}


def rules(scheme):
    """The colours of light (0) or dark (1)."""
    return "".join(
        [f".{name}{{fill:{colours[scheme]}}}" for name, colours in (INKS | FILLS).items()] +
        [f".{name}{{stroke:{colours[scheme]}}}" for name, colours in LINES.items()])


STYLE = (f"text{{font-family:{FONT};font-variant-numeric:tabular-nums}}"
         ".grid,.axis,.whisker,.limit,.bound{fill:none}"
         f"{rules(0)}@media (prefers-color-scheme:dark){{{rules(1)}}}")


@dataclasses.dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float
    text: str

    def meets(self, other):
        return (self.left < other.right and other.left < self.right and
                self.top < other.bottom and other.top < self.bottom)


def width_of(text, size):
    return len(text) * size * EM


def place(value):
    return f"{value:.1f}".removesuffix(".0")


class Svg:
    def __init__(self, width, title, description):
        self.width, self.height = width, 0.0
        self.title, self.description = title, description
        self.parts, self.boxes = [], []

    def text(self, x, y, text, size=12, anchor="start", ink="ink", bold=False):
        """@y is the line that the letters stand on."""
        wide = width_of(text, size) * (1.06 if bold else 1)
        left = x - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        if left < 0 or left + wide > self.width:
            raise ValueError(f"{text!r} leaves the picture: {left:.0f}..{left + wide:.0f}")
        self.boxes.append(Box(left, y - size * 0.8, left + wide, y + size * 0.25, text))
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(f'<text class="{ink}" x="{place(x)}" y="{place(y)}" font-size="{size}" '
                          f'text-anchor="{anchor}"{weight}>{escape(text)}</text>')

    def bar(self, x, y, width, height, fill):
        self.parts.append(f'<rect class="{fill}" x="{place(x)}" y="{place(y)}" '
                          f'width="{place(max(width, 1))}" height="{place(height)}" rx="2"/>')

    def frame(self, x, y, width, height, line):
        self.parts.append(f'<rect class="{line}" x="{place(x)}" y="{place(y)}" '
                          f'width="{place(max(width, 1))}" height="{place(height)}" rx="2" '
                          f'stroke-width="1.5" stroke-dasharray="4 3"/>')

    def line(self, x1, y1, x2, y2, line, width=1.0):
        self.parts.append(f'<path class="{line}" stroke-width="{width:g}" '
                          f'd="M{place(x1)} {place(y1)}L{place(x2)} {place(y2)}"/>')

    def dot(self, x, y, radius, fill):
        self.parts.append(
            f'<circle class="{fill}" cx="{place(x)}" cy="{place(y)}" r="{radius:g}"/>')

    def diamond(self, x, y, radius, fill):
        d = f"M{place(x - radius)} {place(y)}l{radius:g} {-radius:g} {radius:g} {radius:g} " \
            f"{-radius:g} {radius:g}z"
        self.parts.append(f'<path class="{fill}" d="{d}"/>')

    def whisker(self, low, high, y, cap=4.0):
        d = f"M{place(low)} {place(y - cap)}v{2 * cap:g}M{place(low)} {place(y)}H{place(high)}" \
            f"M{place(high)} {place(y - cap)}v{2 * cap:g}"
        self.parts.append(f'<path class="whisker" stroke-width="1.5" d="{d}"/>')

    def write(self):
        size = f"{self.width} {place(self.height)}"
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{self.width}" '
            f'height="{place(self.height)}" role="img" aria-label={quoteattr(self.title)}>',
            f"<title>{escape(self.title)}</title>", f"<desc>{escape(self.description)}</desc>",
            f"<style>{STYLE}</style>", *self.parts, "</svg>", ""])
