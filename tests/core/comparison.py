"""Runs of the engine by their text, and how they are held against another implementation."""

import numpy as np

from core.experiments import experiment

VANISHING = experiment("vanishing")
CONTINUOUS = (
    "train_loss",
    "grad_mean_abs",
    "grad_rms",
    "grad_norm",
    "weight_rms",
    "activation_rms",
    "update_ratio",
)


def runs_of(**given):
    """The runs of a sweep."""
    return list(VANISHING.sweep({name: str(value) for name, value in given.items()}).runs())


def computed(runs):
    """Per run: name -> (steps + 1, layers)."""
    results = []
    for run, columns in zip(runs, VANISHING.compute(runs, "cpu"), strict=True):
        results.append({name: values.reshape(run.settings.steps + 1, -1) for name, values in columns.items()})
    return results


def settings_of(run):
    return run.settings.model_dump()


def assert_agrees(ours, plain, run, rtol):
    """Every measure of a run; a unit at a threshold may fall to either side of it."""
    settings = run.settings
    for name in CONTINUOUS:
        # a loss is a sum that may cancel: its error is relative to its terms
        slack = rtol * (1.0 + settings.width * settings.batch_size) * 0.1 if name == "train_loss" else 0.0
        np.testing.assert_allclose(ours[name], plain[name], rtol=rtol, atol=slack, err_msg=f"{name} of {run}")
    one_output = 1.001 / (settings.width * settings.batch_size)
    np.testing.assert_allclose(ours["saturated"], plain["saturated"], atol=one_output, err_msg=f"saturated of {run}")
    np.testing.assert_allclose(ours["dead"], plain["dead"], atol=1e-12, err_msg=f"dead of {run}")
