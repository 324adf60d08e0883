"""What clipping leaves of a gradient, and which threshold the norms suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Analysis


SUGGESTED = 0.9  # quantile of the norms before clipping that is suggested as a threshold


def with_factor(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with ``clip_factor``, the norm after clipping over that before: what is left of the learning rate."""
    before = frame["grad_norm"].to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(before > 0, frame["clipped_grad_norm"].to_numpy(float) / before, np.nan)
    return frame.assign(clip_factor=factor)


def suggested_threshold(analysis: Analysis) -> float:
    """The 90th percentile of the norms before clipping, over runs that did not fail; NaN where there are none."""
    frame, runs = analysis.frame, analysis.runs
    norms = frame.loc[frame["run"].isin(runs.loc[runs["failed"] == 0, "run"]), "grad_norm"]
    norms = norms[np.isfinite(norms)]
    return float(norms.quantile(SUGGESTED)) if len(norms) else float("nan")
