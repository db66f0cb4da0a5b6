"""Pictures of the day: one HTML file with inline SVG, readable without any server."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, Final

from deploy.demo.day import Day, Moment

WIDTH: Final = 960
HEIGHT: Final = 260
LEFT: Final = 56
BOTTOM: Final = 36
INKS: Final = (
    "#14202B",
    "#66727D",
    "#B87700",
    "#6240AE",
    "#0B57D0",
    "#12703F",
    "#A3121C",
    "#3D4954",
)
STYLE: Final = """
body { margin: 32px auto; max-width: 1024px; background: #E4E7EA; color: #14202B;
  font: 16px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif; }
section { background: #F7F8F9; border: 1px solid #CDD3D8; border-radius: 4px;
  padding: 16px 24px; margin: 12px 0; }
h1 { font-size: 28px; margin: 0 0 12px; } h2 { font-size: 16px; margin: 0 0 8px; }
table { border-collapse: collapse; } td { padding: 4px 24px 4px 0; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; font-weight: 700; }
svg text { font-size: 13px; fill: #3D4954; }
"""


def chart(title: str, moments: list[Moment], field: str, span: tuple[float, float]) -> str:
    """Return one line chart over the day, a line per warehouse, the cut shaded."""
    series: dict[str, list[tuple[float, int]]] = {}
    for moment in moments:
        for code, value in getattr(moment, field).items():
            series.setdefault(code, []).append((moment.second, value))
    last = max((moment.second for moment in moments), default=1.0)
    first = min((moment.second for moment in moments), default=0.0)
    top = max((value for line in series.values() for _, value in line), default=1) or 1

    def at(second: float, value: int) -> str:
        x = LEFT + (second - first) / max(0.1, last - first) * (WIDTH - LEFT - 60)
        y = (HEIGHT - BOTTOM) * (1 - value / top) + 12
        return f"{x:.1f},{y:.1f}"

    left, right = (at(second, 0).split(",")[0] for second in span)
    parts = [
        (
            f'<rect x="{left}" y="12" width="{max(0.0, float(right) - float(left)):.1f}" '
            f'height="{HEIGHT - BOTTOM}" fill="#FBEBC4"/>'
        ),
        f'<text x="{float(left) + 6:.1f}" y="28">line cut</text>',
        (
            f'<line x1="{LEFT}" x2="{WIDTH - 60}" y1="{HEIGHT - BOTTOM + 12}" '
            f'y2="{HEIGHT - BOTTOM + 12}" stroke="#707A84"/>'
        ),
        f'<text x="{LEFT - 8}" y="22" text-anchor="end">{top:,}</text>',
        f'<text x="{LEFT - 8}" y="{HEIGHT - BOTTOM + 12}" text-anchor="end">0</text>',
        f'<text x="{WIDTH - 60}" y="{HEIGHT}" text-anchor="end">{last:.0f} s</text>',
    ]
    for ink, (code, line) in zip(INKS * 4, sorted(series.items()), strict=False):
        points = " ".join(at(second, value) for second, value in line)
        x, y = at(*line[-1]).split(",")
        parts.append(f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="2"/>')
        parts.append(
            f'<text x="{float(x) + 6:.1f}" y="{float(y) + 4:.1f}">{html.escape(code)}</text>'
        )
    return (
        f"<section><h2>{html.escape(title)}</h2>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 8}" role="img" aria-label="{html.escape(title)}">'
        + "".join(parts)
        + "</svg></section>"
    )


def draw(day: Day, report: dict[str, Any], path: Path) -> None:
    """Write the pictures of `day` to `path`."""
    figures = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td>{html.escape(str(value))}</td></tr>"
        for name, value in report.items()
        if isinstance(value, str | int | float)
    )
    body = (
        f"<h1>{report['orders_shipped']:,} orders shipped, "
        f"{report['oversold_units']} units oversold</h1>"
        + chart("Parcels handed to couriers, by warehouse", day.moments, "shipped", day.cut_span)
        + chart("Facts that wait for the hub", day.moments, "waiting_facts", day.cut_span)
        + f"<section><h2>The report</h2><table>{figures}</table></section>"
    )
    path.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bincard: the day</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>",
        encoding="utf-8",
    )
