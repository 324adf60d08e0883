"""Nothing that could be drawn before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.plotting.figure import Figure
    from core.sweeps import Sweep


def sketch(experiment: Experiment, sweep: Sweep) -> Figure | None:
    """None."""
    return None
