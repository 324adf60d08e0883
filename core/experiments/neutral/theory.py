"""No theory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Experiment
    from core.sweeps import Sweep


def expected(experiment: Experiment, sweep: Sweep) -> pd.DataFrame:
    """The experiment's frame without a row."""
    from core import tables

    return tables.to_frame(experiment.table([], []))
