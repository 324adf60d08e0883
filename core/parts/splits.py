"""A table in two parts: one to train on, one to validate, standardized on the first."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Table(NamedTuple):
    """A standardized table: inputs (rows, features) in float32; labels (rows,) in int64, or numbers in float32."""

    train_inputs: np.ndarray
    train_labels: np.ndarray
    validation_inputs: np.ndarray
    validation_labels: np.ndarray

    @property
    def classifies(self) -> bool:
        """Whether the labels are classes."""
        return not np.issubdtype(self.train_labels.dtype, np.floating)


class Guess(NamedTuple):
    """What guessing gets on the validation rows; it knows the training rows' labels alone.

    loss      cross-entropy of the classes' shares in nats, or mean squared error of the mean
    accuracy  of always answering the largest class; NaN for a number
    """

    loss: float
    accuracy: float


def split(inputs: np.ndarray, labels: np.ndarray, scaler: Any | None) -> Table:
    """A fifth of the rows to validate, the same for every run; stratified by class.

    scaler  a scikit-learn transformer, which is fitted on the training part; None leaves the inputs as they are
    """
    from sklearn.model_selection import train_test_split

    classifies = not np.issubdtype(labels.dtype, np.floating)
    train, validation, train_labels, validation_labels = train_test_split(
        inputs, labels, test_size=0.2, random_state=0, stratify=labels if classifies else None
    )
    if classifies:
        train_labels, validation_labels = train_labels.astype(np.int64), validation_labels.astype(np.int64)
    else:
        mean, spread = train_labels.mean(), train_labels.std() or 1.0
        train_labels = ((train_labels - mean) / spread).astype(np.float32)
        validation_labels = ((validation_labels - mean) / spread).astype(np.float32)
    if scaler is not None:
        scaler.fit(train)
        train, validation = scaler.transform(train), scaler.transform(validation)
    return Table(train.astype(np.float32), train_labels, validation.astype(np.float32), validation_labels)


def guess(table: Table) -> Guess:
    """What guessing gets on the validation rows of a table."""
    if not table.classifies:
        return Guess(float((table.validation_labels.astype(float) ** 2).mean()), np.nan)  # the mean is 0
    counts = np.bincount(table.train_labels, minlength=int(table.validation_labels.max()) + 1)
    shares = np.maximum(counts, 0.5) / counts.sum()
    return Guess(
        float(-np.log(shares[table.validation_labels]).mean()),
        float((table.validation_labels == counts.argmax()).mean()),
    )
