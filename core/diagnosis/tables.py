"""Faults of a user's own table."""

from __future__ import annotations

from collections.abc import Iterable

from core.diagnosis.finding import Finding
from core.parts.datasets import DATASETS
from core.parts.own_reading import reading


def leaking_columns(datasets: Iterable[object]) -> list[Finding]:
    """Columns that alone give the target, of each table; none of one that is not here."""
    findings = []
    for text in dict.fromkeys(str(dataset) for dataset in datasets):
        try:
            part = DATASETS.parse(text)
            if part.entry.table is None:
                continue
            arguments: dict = part.completed().arguments
            leaks = reading(**arguments).leaks
        except ValueError:
            continue
        findings += [
            Finding(
                "leaking_column",
                "warning",
                f"The column {name} alone gives the target {arguments['target']}.",
                {"column": name, "target": str(arguments["target"])},
                "If it is not known before the target is, take it out of the file: what is learned is to copy it.",
            )
            for name in leaks
        ]
    return findings
