"""The parts that a report's page is made of.

Text is escaped wherever it enters the page; only `Markup` goes in as it is.
"""

import base64
import html


class Markup(str):
    """HTML, against text that has to be escaped."""


def escaped(content):
    """Any value as HTML; a Markup as it is."""
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(str(content)))


def joined(parts, separator=""):
    """Several values after each other as HTML."""
    return Markup(separator.join(map(escaped, parts)))


def element(name, *content, classes=""):
    """An HTML element around its content."""
    attribute = f' class="{html.escape(classes)}"' if classes else ""
    return Markup(f"<{name}{attribute}>{joined(content)}</{name}>")


def section(title, *content):
    """A part of the page under its heading; nothing without content."""
    if not any(content):
        return Markup("")
    return element("section", element("h2", title), *content)


def table(headings, rows, classes=""):
    """A table; nothing without rows."""
    if not rows:
        return Markup("")
    head = element("tr", *(element("th", x) for x in headings))
    body = [element("tr", *(element("td", x) for x in row)) for row in rows]
    return element(
        "div",
        element(
            "table",
            element("thead", head) if headings else "",
            element("tbody", *body),
            classes=classes,
        ),
        classes="wide",
    )


def charts(rows):
    """Charts under their titles: (title, SVG)."""
    return element(
        "div",
        *(
            element("div", element("h3", title), Markup(svg), classes="chart")
            for title, svg in rows
        ),
        classes="charts",
    )


def facts(rows):
    """Figures beside each other, each with what it is: (value, meaning)."""
    return element(
        "div",
        *(
            element(
                "div",
                element("b", value),
                element("span", meaning),
                classes="fact",
            )
            for value, meaning in rows
        ),
        classes="facts",
    )


def picture(encoded, caption, kind="png"):
    """An image file's bytes, a PNG's or a JPEG's, and what it shows."""
    data = base64.b64encode(encoded).decode()
    return element(
        "figure",
        element("figcaption", caption),
        Markup(
            f'<img alt="{html.escape(str(caption))}" '
            f'src="data:image/{html.escape(kind)};base64,{data}">'
        ),
    )


def bar(share):
    """A bar of a share of its cell, from 0 to 1."""
    return Markup(
        f'<span class="bar" style="width:{100 * min(max(share, 0), 1):.1f}%">'
        "</span>"
    )


def page(title, *content):
    """A whole page that needs nothing but itself."""
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{joined(content)}</main></body></html>\n"
    )


_STYLE = """
:root { color-scheme: light dark; --ink: #20242c; --faint: #667080;
  --paper: #ffffff; --card: #f5f6f8; --line: #dde1e7; --accent: #2f7fd6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec;
  --faint: #98a2b1; --paper: #14171c; --card: #1d2128; --line: #313843; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0; }
h2 { font-size: 18px; margin: 44px 0 12px; }
h3 { font-size: 14px; margin: 0 0 4px; font-weight: 600; }
p { margin: 4px 0; }
.faint, figcaption { color: var(--faint); }
.facts { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 20px; }
.fact { background: var(--card); border-radius: 10px; padding: 12px 18px; }
.fact b { display: block; font-size: 24px; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.fact span { color: var(--faint); font-size: 13px; }
.charts { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(min(460px, 100%), 1fr)); }
.chart { background: var(--card); border-radius: 10px; padding: 12px; }
.chart svg { width: 100%; height: auto; display: block; }
figure { margin: 0 0 20px; }
figure img { width: 100%; border-radius: 6px; border: 1px solid var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; padding: 4px 16px 4px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 500; }
td { overflow-wrap: break-word; }
.numbers td:nth-child(n+2) { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.numbers th:nth-child(n+2) { text-align: right; }
.numbers td:last-child { width: 40%; min-width: 160px; text-align: left; }
.numbers tr:last-child td { font-weight: 600; }
.bar { display: inline-block; height: 10px; border-radius: 5px;
  background: var(--accent); }
.scores td, .scores th { white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.scores td:first-child { font-weight: 600; }
.wide + p { margin-top: 12px; }
.meaning { max-width: 46em; margin-top: 20px; font-size: 16px; }
.worst { display: grid; gap: 16px 20px; margin-top: 12px;
  grid-template-columns: repeat(auto-fill, minmax(min(360px, 100%), 1fr)); }
.worst figure { margin: 0; }
.worst figcaption { font-size: 13px; overflow-wrap: anywhere; }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere;
  white-space: pre-wrap; }
.log td:nth-child(-n+5) { white-space: nowrap; }
.log td:nth-child(n+6) { min-width: 200px; }
details { margin-top: 12px; }
summary { cursor: pointer; color: var(--faint); }
@media print { :root { --ink: #000; --faint: #444; --paper: #fff;
  --card: #fff; --line: #ccc; } main { padding: 0; max-width: none; }
  .chart, .fact, figure, tr { break-inside: avoid; }
  .chart, .fact { border: 1px solid var(--line); }
  h2 { break-after: avoid; } }
"""
