"""The suggestion rules against the named tools' formulas, written down once more in plain loops."""

import math

import numpy as np
import pytest
import torch

from core.theory.suggestions import RULES, minimum_tenth, steepest, steepest_linear, valley

RATES = np.geomspace(1e-6, 10.0, 120)


def curves():
    """Curves as range tests give them: smooth, noisy, flat, rising, with a cliff."""
    exponent = np.log10(RATES)
    valley_like = 2.3 - 2.0 / (1 + np.exp(-3 * (exponent + 3))) + np.exp(4 * (exponent - 0.2))
    noise = np.random.default_rng(0).normal(0, 0.05, len(RATES))
    return {
        "smooth": valley_like,
        "noisy": valley_like + noise,
        "flat": np.full(len(RATES), 2.3) + noise,
        "rising": 2.3 + exponent,
        "falling": 2.3 - exponent,
    }


def valley_by_loops(rates, losses):
    """The longest falling subsequence by two loops over the trimmed curve."""
    rates, losses = rates[len(rates) // 10 : -5], losses[len(losses) // 10 : -5]
    longest = [1] * len(losses)
    end = 0
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
            if longest[end] < longest[i]:
                end = i
    start = end - longest[end]
    third = (end - start) / 3
    return rates[max(0, start + int(third) + int(third / 2))]


@pytest.mark.parametrize("name", curves())
def test_each_rule_agrees_with_its_tools_formula(name):
    losses = curves()[name]
    assert valley(RATES, losses, len(RATES)) == valley_by_loops(RATES, losses)
    kept = slice(10, len(RATES) - 5)
    log_rate_step = np.gradient(losses[kept])  # rates stand at equal distances on a log axis
    assert steepest(RATES, losses, len(RATES)) == RATES[kept][log_rate_step.argmin()]
    rates, linear = torch.from_numpy(RATES[10:-1]), torch.from_numpy(losses[10:-1])
    slope = torch.gradient(linear, spacing=[rates])[0]
    assert steepest_linear(RATES, losses, len(RATES)) == rates[slope.argmin()].item()
    trimmed = slice(len(RATES) // 10, len(RATES) - 5)
    assert minimum_tenth(RATES, losses, len(RATES)) == RATES[trimmed][losses[trimmed].argmin()] / 10


@pytest.mark.parametrize("seed", range(20))
def test_valley_is_the_one_by_loops_on_noise_and_ties(seed):
    numbers = np.random.default_rng(seed)
    losses = numbers.normal(size=len(RATES)) if seed % 2 else numbers.integers(0, 6, len(RATES)).astype(float)
    assert valley(RATES, losses, len(RATES)) == valley_by_loops(RATES, losses)


def test_valley_reads_a_hundred_thousand_points():
    rates, losses = np.geomspace(1e-6, 10, 100_000), np.random.default_rng(0).normal(size=100_000)
    assert valley(rates, losses - np.linspace(0, 3, 100_000), 100_000) > 0


def test_the_linear_rule_suggests_far_lower_rates():
    losses = curves()["noisy"]
    assert steepest_linear(RATES, losses, len(RATES)) < steepest(RATES, losses, len(RATES)) / 100


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("points", [0, 1, 5, 12])
def test_a_curve_that_is_too_short_suggests_nothing_or_one_of_its_rates(rule, points):
    found = rule(RATES[:points], curves()["smooth"][:points], points)
    assert math.isnan(found) or 0 < found <= RATES[-1]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_not_finite_is_left_out(rule):
    losses = curves()["smooth"].copy()
    losses[-20:] = np.nan
    assert 0 < rule(RATES, losses, len(RATES)) < RATES[-1]


def test_valley_skips_a_tenth_of_what_was_asked_for_not_of_what_is_there():
    """As fastai's lr_find: a curve that stopped early still loses a tenth of the requested steps."""
    losses = curves()["smooth"][:60]
    assert valley(RATES[:60], losses, 400) == valley_by_loops_from(RATES[:60], losses, 40)


def valley_by_loops_from(rates, losses, first):
    """``valley_by_loops`` with so many points skipped."""
    padded = np.concatenate([np.full(0, np.nan), losses])[first:-5]
    kept = rates[first:-5]
    lengths = [1] * len(padded)
    for end in range(1, len(padded)):
        for start in range(end):
            if padded[end] < padded[start] and lengths[end] < lengths[start] + 1:
                lengths[end] = lengths[start] + 1
    end = int(np.argmax(lengths))
    third = lengths[end] / 3
    return kept[max(0, end - lengths[end] + int(third) + int(third / 2))]
