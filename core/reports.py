"""A result as one HTML file: settings, findings, live charts, script, versions. It opens offline and asks for nothing."""

from __future__ import annotations

import html
import importlib.metadata
import json
import platform
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from core.frames import COLUMNS
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.diagnosis.finding import Finding
    from core.experiments import Analysis, Experiment
    from core.plotting.figure import Figure
    from core.settings import Sweep

SHOWN_ROWS = 200  # of the comparison
PACKAGES = ("torch", "numpy", "pandas", "scipy", "scikit-learn", "altair")

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1F2933; background: #FFFFFF; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h3 { margin: 0 0 .5rem; font-size: 1rem; }
table { border-collapse: collapse; font-size: .9rem; } th, td { text-align: left; padding: .25rem .75rem; border-bottom: 1px solid #DDE2E7; }
.numbers { display: flex; flex-wrap: wrap; gap: 2rem; } .numbers b { display: block; font-size: 1.6rem; font-weight: 400; }
.chart { border: 1px solid #DDE2E7; border-radius: 4px; padding: 1rem; margin: 1rem 0; } .chart > div { width: 100%; }
.note, footer { color: #5B6770; font-size: .85rem; } .error { color: #B00020; } .warning { color: #A85B00; } .wide { overflow-x: auto; }
pre { background: #F4F6F8; padding: 1rem; overflow-x: auto; font-size: .8rem; }
"""
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
DRAW = """
for (const place of document.querySelectorAll("[data-chart]")) {
  const specification = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  window.vegaEmbed(place, specification, { actions: { export: true, source: false, compiled: false, editor: false } });
}
"""


@lru_cache(maxsize=1)
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, which sets window.vegaEmbed."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")


def report(
    kind: Experiment,
    sweep: Sweep,
    analysis: Analysis,
    found: Sequence[Finding],
    comparison: pd.DataFrame,
    script: str,
    more: Mapping[str, Figure] = MappingProxyType({}),
) -> str:
    """The report of a finished sweep as the text of an HTML file.

    analysis    of the sweep's frame
    found       its findings
    comparison  a table to read, a row per setting; may be empty
    script      one of its runs in plain PyTorch
    more        charts of what was done after it, by name
    """
    made = time.strftime("%Y-%m-%d %H:%M")
    frame = analysis.frame
    runs = frame["run"].nunique()
    charts = "".join(_chart(name, chart) for name, chart in {**kind.figures(analysis), **more}.items())
    compared = f"<h2>Comparison</h2>{_comparison(comparison)}" if len(comparison) > 1 else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{_text(kind.title)} · Gradient Lab</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{_text(kind.title)}</h1>
<p><b>{_text(kind.question)}</b></p>
<div class="numbers">{_numbers(kind.headline(analysis))}</div>
<h2>Findings</h2>
{_findings(found)}
<h2>Charts</h2>
{charts}
{compared}
<h2>Settings</h2>
<div class="wide">{_settings(sweep)}</div>
<pre>python -m core run {_text(sweep.text())}</pre>
<h2>One run in plain PyTorch</h2>
<details><summary>Show the script</summary><pre>{_text(script)}</pre></details>
<footer><p>{runs:,} runs, {len(frame):,} rows. {_versions()} Made {made}.</p></footer>
<script>{_library()}</script>
<script>{DRAW}</script>
</body>
</html>
"""


def _text(words: object) -> str:
    return html.escape(str(words))


def _numbers(headline: Sequence[tuple[str, str, str]]) -> str:
    return "".join(
        f'<div title="{_text(note)}">{_text(label)}<b>{_text(value)}</b></div>' for label, value, note in headline
    )


def _findings(found: Sequence[Finding]) -> str:
    """Each finding with its remedy; links to the lab's own pages are left out, since they need the lab."""
    if not found:
        return "<p>No fault found.</p>"
    lines = (
        f'<li><b class="{finding.severity}">{finding.severity}:</b> {_text(finding.message)} '
        f"{_text(finding.remedy)}</li>"
        for finding in found
    )
    return f"<ul>{''.join(lines)}</ul>"


def _chart(name: str, figure: Figure) -> str:
    """A chart with its title and note as text, which wraps; its specification stands beside it."""
    specification = json.dumps(figure.chart.to_dict(), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<div class="chart"><h3>{_text(figure.title)}</h3><div data-chart="chart-{name}"></div>'
        f'<p class="note">{_text(figure.note)}</p></div>'
        f'<script type="application/json" id="chart-{name}">{specification}</script>'
    )


def _settings(sweep: Sweep) -> str:
    rows = (
        f"<tr><td>{_text(name)}</td><td>{_text(text)}</td><td>{_text(COLUMNS[name].meaning if name in COLUMNS else 'seeds of the runs')}</td></tr>"
        for name, text in sweep.link().items()
    )
    return f"<table><tr><th>setting</th><th>value</th><th>meaning</th></tr>{''.join(rows)}</table>"


def _comparison(table: pd.DataFrame) -> str:
    shown = table.head(SHOWN_ROWS)
    head = "".join(f"<th>{_text(name)}</th>" for name in shown.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_text(_cell(value))}</td>' for value in row)}</tr>"
        for row in shown.itertuples(index=False)
    )
    left = f'<p class="note">The first {SHOWN_ROWS} of {len(table):,} settings.</p>' if len(table) > SHOWN_ROWS else ""
    note = '<p class="note">Mean over seeds, with its 95 % bootstrap interval.</p>'
    return f'{note}<div class="wide"><table><tr>{head}</tr>{rows}</table></div>{left}'


def _cell(value: object) -> str:
    return three_digits(value) if isinstance(value, float) else str(value)


def _versions() -> str:
    import core

    others = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return f"Gradient Lab {core.__version__}, Python {platform.python_version()}, {others}."
