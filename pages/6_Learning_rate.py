"""Which learning rate should I use?"""

from functools import partial

import core
from pages.widgets import check_rate, edge, result_panel
from pages.widgets.experiment_page import experiment_page


def result(kind: core.Experiment, sweep: core.Sweep) -> None:
    """The result, the trainings that check it, and the curvature along descent."""
    check = partial(check_rate.check_rate, kind, sweep)
    charts = partial(check_rate.check_charts, kind, sweep)
    advice = partial(check_rate.advice, kind, sweep)
    curve = partial(check_rate.curve, kind, sweep)
    result_panel.result_panel(kind, sweep, check, charts, aside=advice, lead=curve)
    edge.edge(kind, sweep)


experiment_page("range_test", result)
