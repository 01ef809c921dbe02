"""Latency against rate, as an SVG: both axes logarithmic, p50 drawn through, p99 dashed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.serving.results import Measured, Run

WIDTH, HEIGHT = 760, 470
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 24, 150
COLOURS = ("#0b6e4f", "#c1440e", "#7a5195", "#b8860b", "#1f77b4", "#444444")
TICKS = (1, 2, 5)


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis from ``low`` to ``high``, drawn from pixel ``start`` to pixel ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return self.start + share * (self.end - self.start)

    def ticks(self) -> Iterator[float]:
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            for digit in TICKS:
                if self.low <= (value := digit * 10.0**power) <= self.high:
                    yield value


def svg(run: Run) -> str:
    """The picture; one that says so where there is nothing to draw."""
    drawn = [one for one in run.measured if one.rising]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img" aria-label="Latency against rate">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    )
    if not drawn:
        return f'{head}<text x="{LEFT}" y="{TOP}">Nothing was measured.</text></svg>'
    rates = [stage.offered or 1.0 for one in drawn for stage in one.rising]
    seconds = [
        value
        for one in drawn
        for stage in one.rising
        for value in (stage.latency(0.5), stage.latency(0.99))
        if not math.isnan(value)
    ]
    x = Axis(min(rates) / 1.2, max(rates) * 1.2, LEFT, WIDTH - RIGHT)
    y = Axis(min(seconds) * 1e3 / 1.3, max(seconds) * 1e3 * 1.3, HEIGHT - BOTTOM, TOP)
    parts = [head, *_grid(x, y)]
    for place, (one, colour) in enumerate(zip(drawn, COLOURS, strict=False)):
        parts += _lines(one, colour, x, y)
        across, down = divmod(place, 3)
        parts.append(_key(one.name, colour, LEFT + across * 350, HEIGHT - 68 + down * 20))
    return "\n".join([*parts, "</svg>\n"])


def _grid(x: Axis, y: Axis) -> Iterator[str]:
    for value in x.ticks():
        yield f'<path d="M{x(value):.1f} {y.start}V{y.end}" stroke="#ddd"/>'
        yield f'<text x="{x(value):.1f}" y="{y.start + 16}" text-anchor="middle">{value:g}</text>'
    for value in y.ticks():
        yield f'<path d="M{x.start} {y(value):.1f}H{x.end}" stroke="#ddd"/>'
        yield f'<text x="{x.start - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    yield f'<path d="M{x.start} {y.end}V{y.start}H{x.end}" fill="none" stroke="#888"/>'
    yield f'<text x="{x.start}" y="{y.end - 9}">latency in ms: p50 drawn through, p99 dashed</text>'
    yield f'<text x="{x.end}" y="{y.start + 34}" text-anchor="end">requests per second, open loop</text>'


def _lines(one: Measured, colour: str, x: Axis, y: Axis) -> Iterator[str]:
    for share, dashes in ((0.5, ""), (0.99, ' stroke-dasharray="5 4"')):
        points = [
            (x(stage.offered or 1.0), y(stage.latency(share) * 1e3))
            for stage in one.rising
            if not math.isnan(stage.latency(share))
        ]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        yield from (_dot(point, colour) for point in points)


def _dot(point: Sequence[float], colour: str) -> str:
    return f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="2.5" fill="{colour}"/>'


def _key(name: str, colour: str, x: float, y: float) -> str:
    line = f'<path d="M{x} {y}h24" stroke="{colour}" stroke-width="3"/>'
    return f'{line}<text x="{x + 30}" y="{y + 4}">{escape(name)}</text>'
