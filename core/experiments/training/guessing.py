"""Trainings that end where guessing stands."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from core.analysis.baseline import validation_guess
from core.diagnosis.finding import Finding
from core.diagnosis.rules import NEAR_GUESS
from core.parts.datasets import shape_of
from core.words import three_digits


def at_guessing(rows: pd.DataFrame, settings: pd.Series, remedy: Callable[[], tuple[str, str]]) -> list[Finding]:
    """A training that does no better than guessing: always answering the largest class, or the mean.

    rows      of one setting, with ``run val_loss val_accuracy``, a run's in the order of its steps
    settings  the setting, with its ``label`` and ``dataset``
    remedy    works out what to change, and the link that shows it
    """
    try:
        data = shape_of(str(settings["dataset"]))
    except ValueError:  # a user's own table that is not here
        return []
    ends = rows[rows["val_loss"].notna()].drop_duplicates("run", keep="last")
    if ends.empty or data.training_rows is None:
        return []
    guess, largest = validation_guess(str(settings["dataset"]))
    loss = float(ends["val_loss"].mean())
    evidence = {"val_loss": loss, "guess_loss": guess, "runs": len(ends)}
    label = settings["label"]
    if data.counts:
        accuracy = float(ends["val_accuracy"].mean())
        rows_held = max(1, data.training_rows // 4)
        spread = 2.0 * math.sqrt(largest * (1.0 - largest) / rows_held)
        evidence |= {"val_accuracy": accuracy, "guess_accuracy": largest}
        if accuracy > largest + spread or largest == 1.0:
            return []
        stuck = loss > NEAR_GUESS * guess
        message = (
            f"{label}: {accuracy:.1%} of the validation rows are right, and always answering the largest class gets "
            f"{largest:.1%}: " + ("it learns nothing." if stuck else "its loss is lower, its answers are no better.")
        )
        return [Finding("stuck_at_chance", "error" if stuck else "warning", message, evidence, *remedy())]
    if not loss > NEAR_GUESS * guess:
        return []
    message = (
        f"{label}: on the validation rows the loss ends at {three_digits(loss)}, and guessing the mean gets "
        f"{three_digits(guess)} there: at the end it is no better."
    )
    return [Finding("stuck_at_chance", "error", message, evidence, *remedy())]
