"""Claims about settings: rarely made where there is nothing to claim, made where there is."""

import numpy as np
import pandas as pd
import pytest

from core.analysis import ranking


def runs_of(settings, seeds, draw, shift=0.0):
    """Lognormal losses of equal settings, the first lowered by ``shift``; a seed's runs share their luck."""
    luck = draw.normal(0.0, 0.3, size=seeds)
    return pd.DataFrame(
        [
            {
                "run": f"{s} {seed}",
                "scheduler": f"s{s}",
                "seed": seed,
                "loss": np.exp(luck[seed] + noise - shift * (s == 0)),
            }
            for s in range(settings)
            for seed, noise in enumerate(draw.normal(0.0, 0.2, size=seeds))
        ]
    )


def sure(runs):
    return ranking.surely_first(runs, ["scheduler"], "loss", ranking.ranking(runs, ["scheduler"], "loss"))


@pytest.mark.parametrize("draws", [30, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.parametrize(("settings", "seeds"), [(2, 2), (2, 5), (6, 3), (6, 5)])
def test_equal_settings_are_rarely_told_apart(settings, seeds, draws):
    draw = np.random.default_rng(1000 * settings + seeds)
    claims, verdicts = 0, 0
    for _ in range(draws):
        runs = runs_of(settings, seeds, draw)
        claims += sure(runs)
        pairs = ranking.paired(runs, ["scheduler"], "scheduler", "loss", "s0")
        verdicts += bool(((pairs["ci_high"] < 0) | (pairs["ci_low"] > 0)).any())
    slack = 1.7 * np.sqrt(0.05 * 0.95 / draws)  # of so many draws
    assert claims / draws <= 0.05 + slack
    assert verdicts / draws <= 0.05 + slack


def test_a_setting_that_is_better_on_every_seed_is_clearly_first():
    runs = runs_of(4, 10, np.random.default_rng(0), shift=1.0)
    assert sure(runs)
    pairs = ranking.paired(runs, ["scheduler"], "scheduler", "loss", "s0").set_index("value")
    assert (pairs["ci_low"] > 0).all()  # all others lose to the first


def test_one_seed_makes_nothing_sure():
    assert not sure(runs_of(3, 1, np.random.default_rng(0), shift=5.0))


def test_losing_is_not_beating():
    runs = pd.DataFrame(
        [{"run": f"{s}{seed}", "scheduler": s, "seed": seed, "loss": base + 0.01 * seed + wiggle}
         for s, base in (("constant", 1.0), ("worse", 2.0), ("better", 0.5))
         for seed, wiggle in enumerate((0.0, 0.003, -0.002, 0.001))]
    )  # fmt: skip
    pairs = ranking.paired(runs, ["scheduler"], "scheduler", "loss", "constant").set_index("value")
    assert pairs.loc["worse", "ci_low"] > 0
    assert pairs.loc["better", "ci_high"] < 0
