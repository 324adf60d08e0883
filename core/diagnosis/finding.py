"""A finding: one fault, its evidence and its remedy. Imports nothing of ours, so that the recorder can carry it anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the worst first


@dataclass(frozen=True)
class Finding:
    """One fault.

    code      its name, from the design's list
    severity  ``error``: training can't work or its result is not what its author thinks; ``warning``: it likely
              costs much; ``info``: worth knowing
    message   one plain sentence
    evidence  the numbers behind it, by name
    remedy    what to change
    link      address of the page that shows the remedy working, within the lab; empty where there is none
    file      the script or log that it is about, with the line where it is known; empty for a sweep
    run       which run of a file that holds several; empty where there is one
    """

    code: str
    severity: Severity
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""
    link: str = ""
    file: str = ""
    run: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding for JSON; numbers that JSON lacks become None."""
        clean = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in self.evidence.items()
        }
        return asdict(self) | {"evidence": clean}


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, errors before warnings before infos, otherwise in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
