"""What a training must beat: guessing, a linear model and boosting, each on the split that the networks get.

Guessing knows the training rows' labels alone. Linear is logistic or ridge regression, boosting is histogram gradient
boosting, both scikit-learn's with its own defaults. What was measured is kept beside the store by the data's hash.
"""

from __future__ import annotations

import importlib.metadata
import math
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from core.parts import kept_tables, own_data
from core.parts.datasets import DATASETS, table
from core.parts.splits import Table, guess

MODELS = ("guess", "linear", "boosting")
MEASURES = ("val_loss", "val_accuracy")
NAMES = tuple(f"{model}_{measure}" for model in MODELS for measure in MEASURES)
TREES = 1000  # of a boosting over classes, in all: a hundred rounds for ten
_scores_by_key: dict[str, dict[str, float]] = {}  # per key: what this process has read or measured


def has_baselines(dataset: str) -> bool:
    """Whether the dataset is a table with a validation part; False for what is no dataset."""
    try:
        entry = DATASETS.parse(dataset).entry
    except ValueError:
        return False
    return entry.rows is not None and not entry.whole


def read(dataset: str) -> dict[str, float] | None:
    """The baselines of a dataset that were measured before, by any process; None for none. Nothing is computed."""
    if not has_baselines(dataset):
        return None
    key = _key(dataset)
    if key not in _scores_by_key:
        facts = kept_tables.read_facts(key)
        if facts is None or set(facts) != set(NAMES):
            return None
        _scores_by_key[key] = {name: math.nan if facts[name] is None else float(facts[name]) for name in NAMES}
    return _scores_by_key[key]


def lacking(datasets: Iterable[object]) -> list[str]:
    """The tables among the datasets whose baselines were not measured yet."""
    names = dict.fromkeys(str(name) for name in datasets)
    return [name for name in names if has_baselines(name) and read(name) is None]


def keep(dataset: str, scores: dict[str, float]) -> None:
    """Keeps what was measured of a dataset."""
    key = _key(dataset)
    _scores_by_key[key] = scores
    kept_tables.keep_facts(key, {name: None if math.isnan(value) else value for name, value in scores.items()})


def measure(dataset: str) -> dict[str, float]:
    """``guess_val_loss guess_val_accuracy linear_… boosting_…`` of a table; NaN for the accuracy of a number.

    ValueError where the table is gone.
    """
    data = table(DATASETS.parse(dataset))
    scores = dict(zip(NAMES, guess(data), strict=False))
    for name, model in zip(MODELS[1:], _models(data), strict=True):
        scores |= dict(zip((f"{name}_{measure}" for measure in MEASURES), _scores(model, data), strict=True))
    return scores


@lru_cache(maxsize=256)
def _key(dataset: str) -> str:
    part = DATASETS.parse(dataset)
    versions = (own_data.READER, importlib.metadata.version("scikit-learn"), np.__version__)
    return "baselines-" + kept_tables.key_of(dataset=part.identity, versions=versions)


def _models(data: Table) -> tuple[Any, Any]:
    """Linear and boosting, not yet fitted."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    if not data.classifies:
        return Ridge(), HistGradientBoostingRegressor(random_state=0)
    rounds = max(10, min(100, TREES // (int(data.train_labels.max()) + 1)))
    return LogisticRegression(max_iter=1000), HistGradientBoostingClassifier(max_iter=rounds, random_state=0)


def _scores(model: Any, data: Table) -> tuple[float, float]:
    """Loss and accuracy on the validation rows; the accuracy of a number is NaN."""
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # what has not converged is a baseline all the same
        model.fit(data.train_inputs, data.train_labels)
        if not data.classifies:
            error = model.predict(data.validation_inputs) - data.validation_labels
            return float((error.astype(float) ** 2).mean()), math.nan
        shares = model.predict_proba(data.validation_inputs)
    place = np.searchsorted(model.classes_, data.validation_labels)
    likely = np.clip(shares[np.arange(len(place)), place], 1e-15, 1.0)
    return float(-np.log(likely).mean()), float((shares.argmax(axis=1) == place).mean())
