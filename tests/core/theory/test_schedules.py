"""Schedules by their formulas against those traced from PyTorch's own objects."""

import numpy as np
import pytest

from core.engine.schedule_trace import trace
from core.parts.optimizers import OPTIMIZERS
from core.parts.schedulers import SCHEDULERS
from core.theory.schedules import rates

ADAM = OPTIMIZERS.parse("adam")
TEXTS = [
    *(entry.name for entry in SCHEDULERS if not entry.needs_loss),
    *(f'{entry.name}(per="{per}")' for entry in SCHEDULERS if not entry.needs_loss for per in ("epoch", "batch")),
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


def test_a_schedule_that_waits_for_a_loss_stays_at_its_base_rate():
    np.testing.assert_array_equal(rates(SCHEDULERS.parse("plateau"), 0.02, 2, 3), np.full(6, 0.02))
