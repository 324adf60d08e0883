"""From a frame to findings: what is wrong, by which evidence, and what to change.

Verdicts are relative: how the gradient changes per layer, with its interval over seeds; shares of units; how a loss
moved. A sound run gets no error and no warning. Each file beside this one knows the faults of some experiments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from core.diagnosis.finding import Finding, worst_first
from core.experiments import NAMES, experiment

if TYPE_CHECKING:
    import pandas as pd

SOUND = {  # what a frame without a finding shows, as far as its rows hold it
    "backprop": "no run diverges, and none ends a truth table with a wrong answer",
    "vanishing": "gradients keep their size, units give derivatives",
    "through_time": "gradients neither vanish nor explode on their way back through time",
    "clipping": "no run diverges, and no threshold clips always or never",
    "range_test": "in most runs the loss falls, and turns before the highest rate",
    "remedies": "no run diverges, and no network is stuck for want of gradients",
    "schedulers": "no run diverges, and no schedule is stepped out of its measure",
}


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The findings of a frame, the worst first; ValueError where it is no frame of the lab's."""
    from core.diagnosis import layers, rates, remedies, time_steps, trainings, two_layers

    diagnoses = {
        "backprop": two_layers.diagnose,
        "vanishing": layers.diagnose,
        "through_time": time_steps.diagnose,
        "clipping": trainings.diagnose,
        "range_test": rates.diagnose,
        "remedies": remedies.diagnose,
        "schedulers": trainings.diagnose,
    }
    return worst_first(diagnoses[experiment_of(frame)](frame))


def page_link(page: str, fields: Mapping[str, object]) -> str:
    """The address of a page with these settings, within the lab; numbers as short as they read."""
    written = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in fields.items()}
    return f"/{page}?{urlencode(written, quote_via=quote, safe=',:')}"


def experiment_of(frame: pd.DataFrame) -> str:
    """The experiment that a frame came from, by its columns; ValueError where none fits."""
    fitting = [name for name in NAMES if set(experiment(name).columns) <= set(frame.columns)]
    if fitting:  # some have all the columns of others, and more
        return max(fitting, key=lambda name: len(experiment(name).columns))
    lacking = {name: sorted(set(experiment(name).columns) - set(frame.columns)) for name in NAMES}
    nearest = min(NAMES, key=lambda name: len(lacking[name]))
    raise ValueError(f"this is no frame of ours: for {nearest} it lacks the columns {', '.join(lacking[nearest])}")


def check_numbers(frame: pd.DataFrame, numbers: tuple[str, ...], whole: tuple[str, ...]) -> None:
    """ValueError for a column that should hold numbers and does not, or whole numbers and has a gap."""
    import pandas as pd

    for name in (*whole, *numbers):
        if not pd.api.types.is_numeric_dtype(frame[name]):
            bad = pd.to_numeric(frame[name], errors="coerce").isna() & frame[name].notna()
            raise ValueError(f"{name}: must hold numbers, but one cell is {frame.loc[bad, name].iloc[0]!r}")
        if name in whole and frame[name].isna().any():
            raise ValueError(f"{name}: must hold whole numbers, but a cell is empty")
