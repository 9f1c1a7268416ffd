"""Charts as SVG text, without a plotting library: a DET curve on log axes, and histograms."""

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 420, 70, 50, 24
BLUE, RED = "#1f5fa8", "#b3261e"


def det_chart(points: Sequence[tuple[float, float]], title: str) -> str:
    """FNIR over FPIR, both on logarithmic axes; points with a zero are off the chart."""
    shown = [(x, y) for x, y in points if x > 0 and y > 0]
    low_x = 10 ** math.floor(math.log10(min((x for x, _ in shown), default=1e-3)))
    low_y = 10 ** math.floor(math.log10(min((y for _, y in shown), default=1e-3)))

    def place(x: float, y: float) -> tuple[float, float]:
        return _x(math.log(x / low_x) / -math.log(low_x)), _y(
            math.log(y / low_y) / -math.log(low_y)
        )

    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in (place(x, y) for x, y in shown))
    body = [f'<polyline points="{line}" fill="none" stroke="{BLUE}" stroke-width="2"/>']
    for axis, low in (("x", low_x), ("y", low_y)):
        decades = round(-math.log10(low))
        for n in range(decades + 1):
            share = n / decades if decades else 0.0
            label = f"{low * 10**n:g}"
            body.append(_tick(axis, share, label))
    return _chart(title, "FPIR", "FNIR", body)


def histogram(
    groups: Sequence[tuple[str, str, Sequence[float]]], title: str, bins: int = 60
) -> str:
    """Densities of scores; each group is (label, colour, scores)."""
    everything = [score for _, _, scores in groups for score in scores]
    low, high = min(everything, default=0.0), max(everything, default=1.0)
    step = (high - low) / bins or 1.0
    counted = []
    for label, colour, scores in groups:
        counts = [0] * bins
        for score in scores:
            counts[min(bins - 1, int((score - low) / step))] += 1
        counted.append((label, colour, [count / max(1, len(scores)) for count in counts]))
    top = max((max(shares) for _, _, shares in counted), default=1.0) or 1.0
    body = []
    for place, (label, colour, shares) in enumerate(counted):
        for n, share in enumerate(shares):
            x, y = _x(n / bins), _y(share / top)
            body.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{_x(1 / bins) - _x(0):.1f}" '
                f'height="{_y(0) - y:.1f}" fill="{colour}" fill-opacity="0.5"/>'
            )
        body.append(
            f'<text x="{WIDTH - 200}" y="{TOP + 18 * (place + 1)}" fill="{colour}">'
            f"{escape(label)}</text>"
        )
    body += [_tick("x", n / 5, f"{low + (high - low) * n / 5:.2f}") for n in range(6)]
    return _chart(title, "similarity score", "share", body)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - 20)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP - 10)


def _tick(axis: str, share: float, label: str) -> str:
    if axis == "x":
        x = _x(share)
        return (
            f'<line x1="{x:.1f}" y1="{_y(0):.1f}" x2="{x:.1f}" y2="{_y(1):.1f}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle">{label}</text>'
        )
    y = _y(share)
    return (
        f'<line x1="{_x(0):.1f}" y1="{y:.1f}" x2="{_x(1):.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _chart(title: str, x_name: str, y_name: str, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<text x="{LEFT}" y="16" font-weight="bold">{escape(title)}</text>{"".join(body)}'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>'
        f'<text x="14" y="{HEIGHT / 2}" transform="rotate(-90 14 {HEIGHT / 2})" '
        f'text-anchor="middle">{escape(y_name)}</text></svg>'
    )
