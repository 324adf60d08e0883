"""``diagnose FILE…`` for logs: what was read, what is wrong and what to change, in sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core import logs
from core.diagnosis.finding import Finding
from core.diagnosis.judge import judge
from core.diagnosis.trace import Trace
from core.experiments import with_link


def diagnose(
    paths: Sequence[str],
    run: str | None = None,
    findings_path: str | None = None,
    read_file: Callable[[str], list[Trace]] = logs.read,
) -> None:
    """Prints what the logs show; ValueError, with nothing written, where one can't be read.

    run            which run of a file that holds several: a number from 1, ``all``, or None for the last
    findings_path  where the findings go as JSON as well
    read_file      what makes traces of a file
    """
    read = [(path, read_file(path)) for path in paths]
    logs = [(path, traces, selected(traces, run, path)) for path, traces in read]
    all_findings: list[Finding] = []
    for path, traces, judged_traces in logs:
        for line in heading(path, traces, judged_traces):
            print(line)
        for trace in judged_traces:
            findings = [replace(with_link(f), file=f.file or path, run=trace.name) for f in judge(trace)]
            all_findings += findings
            for line in sentences(trace, findings, len(judged_traces) > 1):
                print(line)
    if findings_path is not None:
        from core import files

        text = json.dumps([finding.as_dict() for finding in all_findings], indent=2, ensure_ascii=False)
        files.write(text.encode(), Path(findings_path))


def is_frame(path: str) -> bool:
    """Whether a file is a frame of the lab's, by its columns, or claims to be one by its ending."""
    if Path(path).suffix.lower() == ".parquet":
        return True
    try:
        with Path(path).open("rb") as file:
            header = file.readline(65_536).decode("utf-8", errors="replace").strip().split(",")
    except OSError:
        return False
    return {"run", "dataset", "init", "seed"} <= set(header)


def selected(traces: list[Trace], run: str | None, path: str) -> list[Trace]:
    """The runs of a file that were asked for; ValueError where there are not so many."""
    if run is None:
        return traces[-1:]
    if run == "all":
        return traces
    if not run.isdigit() or not 1 <= int(run) <= len(traces):
        raise ValueError(f"--run: must be all or 1 to {len(traces)} for {path}, but got {run}")
    return [traces[int(run) - 1]]


def heading(path: str, traces: list[Trace], judged_traces: list[Trace]) -> list[str]:
    """What was read."""
    first = f"{path}: {traces[-1].facts['format']}"
    if len(traces) == 1:
        return [f"{first}; {traces[0].facts['says']}."]
    lines = [f"{first}; {len(traces)} runs one after the other."]
    own_names = {trace.name for trace in judged_traces}
    for trace in traces:
        if trace.name not in own_names:
            lines.append(f"  run {trace.name}: {trace.facts['says']}; see it with --run {trace.name}.")
    if len(judged_traces) == 1:
        lines.append(f"Run {judged_traces[0].name} is judged: {judged_traces[0].facts['says']}.")
    return lines


def sentences(trace: Trace, findings: list[Finding], several: bool) -> list[str]:
    """The findings of a run, or that there are none."""
    lines = [f"Run {trace.name}: {trace.facts['says']}."] if several else []
    for finding in findings:
        lines.append(f"{finding.severity}: {finding.message}")
        if finding.remedy:
            lines.append(f"  {finding.remedy}")
    ending = verdict(trace, findings)
    return [*lines, ending] if ending else lines


def verdict(trace: Trace, findings: list[Finding]) -> str:
    """What is said of a run without a fault; empty where there is one, or nothing to judge."""
    if any(f.severity != "info" or f.code == "nothing_to_judge" for f in findings):
        return ""
    if trace.facts.get("last_values"):
        return "The last values show nothing wrong; without a course there is no more to judge."
    return f"No fault found: {sound(trace)}."


def sound(trace: Trace) -> str:
    """What a run without a fault shows, as far as its rows hold it."""
    parts = ["the loss is finite to the end" if "train_loss" in trace.steps else "the validation loss is finite"]
    if "val_loss" in trace.steps:
        parts.append("validation does not turn away from training")
    if "lr" in trace.steps:
        rates = trace.steps["lr"][np.isfinite(trace.steps["lr"])]
        constant = len(rates) > 0 and bool((rates == rates[0]).all())
        parts.append("the rate stays what it was" if constant else "the rate's schedule runs its course")
    return ", ".join(parts)
