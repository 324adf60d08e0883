"""A result as one HTML file: settings, findings, live charts, script, versions. It opens offline and asks for nothing.

The pages are ``report.html.jinja`` and ``trace.html.jinja`` on ``page.html.jinja``, whose every value is escaped.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.frames import COLUMNS, label_of
from core.uploads import story
from core.words import three_digits

if TYPE_CHECKING:
    import pandas as pd

    from core.diagnosis.finding import Finding
    from core.experiments import Analysis, Experiment
    from core.parts.own_story import Sentence
    from core.plotting.figure import Figure
    from core.sweeps import Sweep

SHOWN_ROWS = 200  # of the comparison
PACKAGES = ("torch", "numpy", "pandas", "scipy", "scikit-learn", "altair")


def report(
    kind: Experiment,
    sweep: Sweep,
    analysis: Analysis,
    findings: Sequence[Finding],
    comparison: pd.DataFrame,
    script: str,
    more: Mapping[str, Figure] = MappingProxyType({}),
    lab_version: str = "",
) -> str:
    """The report of a finished sweep as the text of an HTML file.

    comparison  a table to read, a row per setting; may be empty
    script      one of its runs in plain PyTorch
    more        charts of what was done after it, by name

    Links to the lab's own pages are left out, since they need the lab.
    """
    meanings = {name: column.meaning for name, column in COLUMNS.items()} | {"seeds": "seeds of the runs"}
    return _template("report").render(
        title=kind.title,
        verdict="No fault found.",
        kind=kind,
        sweep=sweep,
        headline=kind.headline(analysis),
        findings=findings,
        figures=list({**kind.figures(analysis), **more}.values()),
        specification=_specification,
        comparison=comparison,
        label_of=label_of,
        interval_note="Mean over seeds, with its 95 % interval (Student's t; of pooled fits the jackknife's, of shares Wilson's).",
        shown_rows=SHOWN_ROWS,
        cell=lambda value: three_digits(value) if isinstance(value, float) else str(value),
        story=[sentence for text in sweep.axes.get("dataset", ()) for sentence in _story(text)],
        settings=[(name, text, meanings[name]) for name, text in sweep.link().items()],
        script=script,
        runs=analysis.frame["run"].nunique(),
        rows=len(analysis.frame),
        versions=_versions(lab_version),
        made=time.strftime("%Y-%m-%d %H:%M"),
        library=_library(),
    )


def _story(dataset: str) -> Sequence[Sentence]:
    """What became of a table of one's own; nothing where it is gone by now."""
    try:
        return story(dataset)
    except ValueError:
        return ()


def trace_report(
    name: str,
    says: str,
    findings: Sequence[Finding],
    verdict: str,
    steps: Sequence[str],
    figures: Mapping[str, Figure],
    lab_version: str = "",
) -> str:
    """The report of a recording or a log as the text of an HTML file.

    says     what was read of it
    verdict  what to say where there is no finding
    steps    the order of a typical step, per optimizer
    """
    return _template("trace").render(
        title=name,
        says=says,
        findings=findings,
        verdict=verdict or "No fault found.",
        steps=steps,
        figures=list(figures.values()),
        specification=_specification,
        versions=_versions(lab_version),
        made=time.strftime("%Y-%m-%d %H:%M"),
        library=_library(),
    )


@lru_cache(maxsize=2)
def _template(name: str):  # type: ignore[no-untyped-def]  # a jinja2.Template
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(f"{name}.html.jinja")


@lru_cache(maxsize=1)
def _library() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script, which sets window.vegaEmbed."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return Markup(bundle.replace("</script", "<\\/script"))  # the library's own text


def _specification(figure: Figure) -> Markup:
    """A chart as JSON that can't end its script element."""
    return Markup(json.dumps(figure.specification, allow_nan=False).replace("<", "\\u003c"))  # escaped here


def _versions(lab_version: str) -> str:
    others = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return f"Gradient Lab {lab_version}, Python {platform.python_version()}, {others}."
