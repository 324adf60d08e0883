"""A report is one file that holds all it needs."""

import json
import re

import pytest
from markupsafe import Markup

import core
from core.analysis import statistics

CASES = {
    "backprop": {"hidden": "2,4", "epochs": "20", "seeds": "2"},
    "vanishing": {"depth": "3,20", "init": "normal(std=0.1)", "seeds": "2"},
    "through_time": {"dataset": "adding(length=6, samples=40)", "width": "8"},
    "schedulers": {"dataset": "wine", "epochs": "2", "width": "8", "scheduler": 'one_cycle,one_cycle(per="epoch")'},
}


def report_of(name, tmp_path, given):
    kind = core.experiment(name)
    sweep = kind.sweep(given)
    frame = core.run(name, executor="inline", store=str(tmp_path / "store.sqlite"), **given)
    comparison = statistics.comparison(kind.analysis(frame).summary, kind.settings.names())
    script = kind.code(next(iter(sweep.runs())))
    return kind, frame, core.report(kind, sweep, kind.analysis(frame), comparison, script)


@pytest.mark.parametrize("name", CASES)
def test_a_report_holds_settings_findings_charts_code_and_versions(name, tmp_path):
    kind, frame, text = report_of(name, tmp_path, CASES[name])
    assert kind.question in text
    assert "torch.Generator" in text and "SEED = 0" in text
    assert "_" not in "".join(re.findall("<th>(.*?)</th>", text))  # people's words, not the columns' names
    assert "torch 2." in text and core.__version__ in text
    assert f"python -m core run {name} " in text
    for finding in core.findings(frame):
        assert finding.severity in text
    charts = dict(re.findall(r'<script type="application/json" id="chart-(\w+)">(.*?)</script>', text, re.DOTALL))
    assert len(charts) == sum(not figure.flat for figure in kind.figures(kind.analysis(frame)).values())
    for specification in charts.values():
        assert json.loads(specification)["datasets"]


def test_a_report_holds_what_was_done_afterwards(tmp_path):
    kind, frame, _ = report_of("backprop", tmp_path, CASES["backprop"])
    afterwards = {"check": next(iter(kind.figures(kind.analysis(frame)).values()))}
    text = core.report(kind, kind.sweep(CASES["backprop"]), kind.analysis(frame), frame.head(0), "", afterwards)
    assert text.count("data-chart=") == 1 + len(kind.figures(kind.analysis(frame)))


def test_a_report_loads_nothing_from_anywhere(tmp_path):
    _, _, text = report_of("backprop", tmp_path, CASES["backprop"])
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)\s*=\s*["\']', own)
    assert "default-src 'none'" in own
    assert text.count("<script") == text.count("</script>")


def test_what_a_reader_wrote_can_not_run_in_a_report(tmp_path):
    kind, frame, _ = report_of("backprop", tmp_path, CASES["backprop"])
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    text = core.report(kind, kind.sweep(CASES["backprop"]), kind.analysis(frame.assign(init=evil)), frame.head(0), evil)
    assert "<img src=x" not in text
    assert "<script>alert(1)" not in text


def test_a_report_of_a_log_holds_its_findings_and_charts_and_nothing_runs_in_it():
    rows = "".join(f"{epoch},{2.0 - 0.1 * epoch},{1.5 + 0.1 * epoch}\n" for epoch in range(12))
    (trace,) = core.read_log("<img src=x>.csv", f"epoch,loss,val_loss\n{rows}".encode())
    findings = core.findings_of(trace)
    page = core.trace_report("<img src=x>.csv", "12 rows", findings, "", ["zero → step"], core.trace_charts(trace), "1")
    assert "<img src=x>" not in page
    assert all(str(Markup.escape(finding.message)) in page for finding in findings) and findings
    assert page.count("data-chart=") >= 1
    assert "A typical step: zero → step" in page
