"""Pieces of a page that needs nothing else: escaped text, tables, a bar chart, pictures, and the page around them.

The report calls this; it calls nothing of ours, and knows no domain object.
"""

import base64
import html
import math
from collections.abc import Iterable, Sequence

__all__ = ["Markup", "bars", "escaped", "joined", "link", "page", "picture", "section", "table"]

STYLE = """\
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
  max-width: 1180px; margin: 0 auto; padding: 24px; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 21px; margin: 40px 0 8px; } h3 { font-size: 16px; }
p, figcaption { max-width: 75ch; } .quiet, figcaption { color: #56606d; }
.figures { display: flex; flex-wrap: wrap; gap: 12px 48px; margin: 20px 0; }
.figures b { display: block; font-size: 28px; line-height: 1.2; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 8px 0 16px; }
th, td { text-align: left; vertical-align: top; padding: 4px 14px 4px 0; border-bottom: 1px solid #dfe3e8; }
th { color: #56606d; font-weight: 600; } td { overflow-wrap: break-word; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
figure { margin: 12px 0 28px; } img, svg { max-width: 100%; height: auto; }
a { color: #0067a3; } .warning { border-left: 4px solid #d55e00; padding: 2px 12px; }
@media print { body { padding: 0; font-size: 12px; } h2, h3 { break-after: avoid; } figure, tr { break-inside: avoid; }
  figure { margin: 6px 0 12px; } img { width: 14cm; } .wide { overflow: visible; } code { font-size: 9px; } }
"""

CHART_WIDTH, CHART_HEIGHT, LABEL_WIDTH, WIDEST_BAR = 1100, 220, 90, 60
"""Of the bar chart, in its own units; about pixels on a screen."""


class Markup(str):
    """Text that is HTML already; all other text is escaped."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    """Return a value as text that can stand anywhere in a page, also in an attribute.

    Examples
    --------
    >>> escaped("<b>likes & views</b>")
    '&lt;b&gt;likes &amp; views&lt;/b&gt;'
    """
    return value if isinstance(value, Markup) else Markup(html.escape(str(value), quote=True))


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Return parts in a row, each escaped unless it is HTML."""
    return Markup(between.join(map(escaped, parts)))


def link(target: str, text: object) -> Markup:
    """Return a link to a place in the page or to a web address; anything else is text, as it could run a script.

    Examples
    --------
    >>> link("#incident-1", "picture"), link("javascript:alert(1)", "Dashboard")
    ('<a href="#incident-1">picture</a>', 'Dashboard: javascript:alert(1)')
    """
    if not target.lower().startswith(("#", "http://", "https://")):
        return joined([text, ": ", target])
    return Markup(f'<a href="{escaped(target)}">{escaped(text)}</a>')


def table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table; numbers are aligned to the right, NaN and None are a dash.

    Examples
    --------
    >>> table(["metric", "messages"], [["likes", 3]]).count("<td")
    2
    """
    body = [list(row) for row in rows]
    numeric = [
        bool(body)
        and any(_is_number(row[place]) for row in body)
        and not any(isinstance(row[place], str) for row in body)
        for place in range(len(columns))
    ]
    head = "".join(_cell("th", name, is_number) for name, is_number in zip(columns, numeric, strict=True))
    lines = ("".join(_cell("td", cell, flag) for cell, flag in zip(row, numeric, strict=True)) for row in body)
    filled = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return Markup(f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{filled}</tbody></table></div>')


def bars(labels: Sequence[str], values: Sequence[int], unit: str) -> Markup:
    """Return a bar chart as SVG: a bar a label, with its value above it.

    Examples
    --------
    >>> bars(["5 Oct", "12 Oct"], [2, 0], "messages").count("<rect")
    2
    """
    step = CHART_WIDTH / max(len(values), 1)
    width, top = min(step * 0.8, WIDEST_BAR), max([*values, 1])
    shown = math.ceil(LABEL_WIDTH / step)
    parts = []
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        height = value / top * (CHART_HEIGHT - 60)
        x, y = place * step, CHART_HEIGHT - 30 - height
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#0072b2">'
            f"<title>{escaped(label)}: {value} {escaped(unit)}</title></rect>"
        )
        if value and step >= 12:
            parts.append(f'<text x="{x + width / 2:.1f}" y="{y - 6:.1f}" text-anchor="middle">{value}</text>')
        if place % shown == 0:
            parts.append(f'<text x="{x:.1f}" y="{CHART_HEIGHT - 10}" fill="#56606d">{escaped(label)}</text>')
    base = f'<line x1="0" x2="{CHART_WIDTH}" y1="{CHART_HEIGHT - 30}" y2="{CHART_HEIGHT - 30}" stroke="#56606d"/>'
    return Markup(
        f'<svg viewBox="0 0 {CHART_WIDTH} {CHART_HEIGHT}" width="{CHART_WIDTH}" height="{CHART_HEIGHT}" role="img" '
        f'aria-label="{escaped(unit)} by week" font-size="13">{"".join(parts)}{base}</svg>'
    )


def picture(png: bytes, words: str, anchor: str = "") -> Markup:
    """Return a PNG as part of the page, with words below it."""
    data = base64.b64encode(png).decode()
    name = f' id="{escaped(anchor)}"' if anchor else ""
    return Markup(
        f'<figure{name}><img width="900" alt="{escaped(words)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escaped(words)}</figcaption></figure>\n"
    )


def section(title: str, *parts: object) -> Markup:
    """Return a part of the page with a heading; plain text is a paragraph."""
    body = (part if isinstance(part, Markup) else Markup(f"<p>{escaped(part)}</p>") for part in parts)
    return Markup(f"<section><h2>{escaped(title)}</h2>\n{joined(body)}</section>\n")


def page(title: str, parts: Iterable[Markup]) -> str:
    """Return the whole page. A browser that obeys its policy loads nothing, whatever the page holds."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title>\n<style>\n{STYLE}</style></head>\n<body>\n{joined(parts)}</body></html>\n"
    )


def _cell(tag: str, cell: object, is_number: bool) -> str:
    if cell is None or cell != cell:
        text = Markup("–")
    elif isinstance(cell, float):
        text = Markup(f"{cell:.4g}")
    else:
        text = escaped(cell)
    return f'<{tag} class="number">{text}</{tag}>' if is_number else f"<{tag}>{text}</{tag}>"


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float)
