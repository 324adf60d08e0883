"""Schedules by their formulas against those traced from PyTorch's own objects."""

import numpy as np
import pytest

from core.engine.schedule_trace import trace
from core.experiments import experiment
from core.parts.optimizers import OPTIMIZERS
from core.parts.schedulers import SCHEDULERS
from core.theory.schedules import FORMULAS, has_formula, rates

ADAM = OPTIMIZERS.parse("adam")
KNOWN = [entry.name for entry in SCHEDULERS if has_formula(SCHEDULERS.parse(entry.name))]
TEXTS = [
    *KNOWN,
    *(f'{name}(per="{per}")' for name in KNOWN for per in ("epoch", "batch")),
    "cosine(eta_min=0.001)",
    "one_cycle(max_lr=0.5, pct_start=0.25)",
    "constant(factor=0.1, total_iters=4)",
    "step(step_size=3, gamma=0.5)",
    "multi_step(milestones=(2, 5, 11), gamma=0.3)",
    "polynomial(power=2.5, total_iters=9)",
    "linear_warmup(warmup=7, start_factor=0.2)",
    "warmup_cosine(warmup=7, start_factor=0.2, eta_min=0.001)",
    "cosine_restarts(t_0=2, t_mult=2, eta_min=0.001)",
    'cyclic(max_lr=0.1, step_size_up=4, mode="triangular2")',
    "inverse_sqrt(warmup=7)",
    "wsd(warmup=7, decay=20, start_factor=0.2)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_formula_gives_the_rates_of_pytorchs_own_object(text):
    scheduler = SCHEDULERS.parse(text)
    traced = trace(scheduler, ADAM, 0.02, 12, 5).lr
    np.testing.assert_allclose(rates(scheduler, 0.02, 12, 5), traced, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("text", ["cosine", "step", "exponential", "linear_warmup", "wsd"])
def test_a_schedule_that_is_stepped_first_begins_at_its_second_rate(text):
    scheduler = SCHEDULERS.parse(text)
    traced = trace(scheduler, ADAM, 0.02, 12, 5, first=True).lr
    np.testing.assert_allclose(rates(scheduler, 0.02, 12, 5, first=True), traced, rtol=1e-9, atol=1e-15)


def test_the_lessons_schedules_and_the_usual_ones_have_a_formula():
    assert {"cosine", "one_cycle", "step", "exponential", "linear_warmup", "warmup_cosine"} <= {*KNOWN}


def test_of_a_schedule_without_a_formula_nothing_is_said(monkeypatch):
    monkeypatch.delitem(FORMULAS, "LinearLR")
    assert rates(SCHEDULERS.parse("linear_warmup"), 0.02, 12, 5) is None
    assert rates(SCHEDULERS.parse("wsd"), 0.02, 12, 5) is None
    kind = experiment("schedulers")
    assert kind.sketch(kind.sweep({"scheduler": "wsd", "epochs": "4"})) is None
    assert kind.sketch(kind.sweep({"scheduler": "wsd,step", "epochs": "4"})) is not None


def test_a_schedule_that_waits_for_a_loss_has_none():
    assert not has_formula(SCHEDULERS.parse("plateau")) and rates(SCHEDULERS.parse("plateau"), 0.02, 2, 3) is None
