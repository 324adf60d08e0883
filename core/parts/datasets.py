"""Datasets: drawn anew for each run, or a table that is the same for every run.

Tables are split once, by ``train_test_split(test_size=0.2, random_state=0)``, stratified by class, and standardized on
their training part; a target that is a number is standardized too (``splits``). The real ones ship with scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from core.parts import own_data, own_reading, own_script
from core.parts.own_target import KINDS
from core.parts.splits import Guess, Table, split
from core.registry import Argument, Entry, Part, Registry, Value
from core.words import counted

BATCH_SIZE = 64  # where nothing else is asked for, and the rows suffice


class DataShape(NamedTuple):
    """Sizes known without loading anything; None: as many features as units, as many rows as asked for.

    classes   0: the target is a number
    length    time steps of a sequence; 0: the rows of a table
    counts    rows of each class; empty where the target is a number
    guess     the loss of guessing a number: its variance, 1 where it is standardized
    on_rows   what guessing gets on the validation rows, where that was measured
    """

    features: int | None
    classes: int
    training_rows: int | None
    length: int = 0
    counts: tuple[int, ...] = ()
    guess: float = math.nan
    on_rows: Guess | None = None

    @property
    def majority(self) -> float:
        """The accuracy of always answering the largest class; NaN for a number."""
        return max(self.counts) / sum(self.counts) if self.counts else math.nan

    @property
    def guess_loss(self) -> float:
        """The loss of guessing: the entropy of the classes' shares in nats, or the variance of a number."""
        shares = [count / sum(self.counts) for count in self.counts if count]
        return -sum(share * math.log(share) for share in shares) if shares else self.guess

    @property
    def outputs(self) -> int:
        """Outputs of a network that learns it: one a class, or one for the number."""
        return max(1, self.classes)


@dataclass(frozen=True, kw_only=True)
class Dataset(Entry):
    """A dataset. Both functions take the entry's arguments by name.

    shape   () -> DataShape
    rows    () -> inputs (rows, columns), labels (rows,); None where each run draws its own
    scaler  () -> the scikit-learn transformer that makes features of inputs, fitted on the training part;
            ``scaler_code`` gives the lines of a plain script that set ``scaler`` to it, the call that makes it last
    table   () -> the same split and standardized, where that is at hand; else it is made from rows and scaler
    whole   trained and validated on all rows, as they are: too few to split
    code    () -> the lines of a plain script that set ``inputs`` and ``labels``: those of ``rows``, or one run's batch
            of BATCH_SIZE rows, FEATURES and CLASSES from ``generator(stream)``, inputs and labels in a line each
    """

    shape: Callable[..., DataShape]
    rows: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None
    scaler: Callable[..., Any] = lambda **_: _standard_scaler()
    table: Callable[..., Table] | None = None
    scaler_code: Callable[..., str] = lambda **_: SCALER_CODE
    whole: bool = False
    code: Callable[..., str]


SCALER_CODE = """\
from sklearn.preprocessing import StandardScaler
scaler = StandardScaler()"""


def _standard_scaler() -> Any:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler()


@lru_cache(maxsize=16)
def _table(name: str, arguments: tuple[tuple[str, Value], ...], scaled: bool = True) -> Table:
    entry, values = DATASETS[name], dict(arguments)
    assert entry.rows is not None
    inputs, labels = entry.rows(**values)
    if entry.whole:
        inputs, labels = inputs.astype(np.float32), labels.astype(np.int64)
        return Table(inputs, labels, inputs, labels)
    return split(inputs, labels, entry.scaler(**values) if scaled else None)


def table(part: Part[Dataset]) -> Table:
    """The table of ``part``, split and standardized; loaded once a process, and again where a file has changed."""
    arguments = part.completed().arguments
    return part.entry.table(**arguments) if part.entry.table else _table(part.entry.name, tuple(arguments.items()))


def raw_table(part: Part[Dataset]) -> Table:
    """The same table, its inputs as they are."""
    return _table(part.entry.name, tuple(part.completed().arguments.items()), scaled=False)


def _own_rows(**arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    sheet = own_data.read_sheet(**arguments)
    return sheet.inputs, sheet.labels


def _own_shape(**choices: Any) -> DataShape:
    arguments: dict[str, Any] = own_reading.completed(**choices)
    reading = own_reading.reading(**arguments)
    rows, features = reading.table.train_inputs.shape
    return DataShape(features, len(reading.counts), rows, counts=reading.counts, guess=1.0, on_rows=reading.guess)


def _own_argument(name: str, meaning: str, identifies: bool = True) -> Argument:
    return Argument(name=name, kind=str, default=None, meaning=meaning, identifies=identifies)


def all_rows(part: Part[Dataset]) -> tuple[np.ndarray, np.ndarray]:
    """All rows of ``part``, unsplit: inputs (rows, features) in float64, labels (rows,).

    Standardized (and encoded) over all of them, unless they are ``whole``, which stay as they are.
    """
    assert part.entry.rows is not None
    inputs, labels = part.entry.rows(**part.arguments)
    if part.entry.whole:
        return inputs, labels
    return part.entry.scaler(**part.arguments).fit_transform(inputs), labels


def _shipped(name: str) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    def rows() -> tuple[np.ndarray, np.ndarray]:
        import sklearn.datasets

        return getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)

    return rows


def _shipped_code(name: str) -> Callable[[], str]:
    return lambda: f"from sklearn.datasets import load_{name}\ninputs, labels = load_{name}(return_X_y=True)"


def _moons(samples: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_moons

    return make_moons(n_samples=samples, noise=noise, random_state=0)


def _moons_code(samples: int, noise: float) -> str:
    return f"""\
from sklearn.datasets import make_moons
inputs, labels = make_moons(n_samples={samples}, noise={noise}, random_state=0)"""


def _circles(samples: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import make_circles

    return make_circles(n_samples=samples, noise=noise, factor=0.5, random_state=0)


def _circles_code(samples: int, noise: float) -> str:
    return f"""\
from sklearn.datasets import make_circles
inputs, labels = make_circles(n_samples={samples}, noise={noise}, factor=0.5, random_state=0)"""


def _spirals(samples: int, noise: float, turns: float) -> tuple[np.ndarray, np.ndarray]:
    """Two arms that wind ``turns`` times around the origin, the second turned by half a circle."""
    generator = np.random.default_rng(0)
    labels = np.arange(samples) % 2
    radius = np.sqrt(generator.uniform(0.01, 1.0, samples))
    angle = 2.0 * math.pi * turns * radius + math.pi * labels
    arms = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return arms + generator.normal(0.0, noise, (samples, 2)), labels


def _spirals_code(samples: int, noise: float, turns: float) -> str:
    return f"""\
import math
import numpy as np
rng = np.random.default_rng(0)
labels = np.arange({samples}) % 2  # two arms, the second turned by half a circle
radius = np.sqrt(rng.uniform(0.01, 1.0, {samples}))
angle = 2 * math.pi * {turns} * radius + math.pi * labels
arms = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
inputs = arms + rng.normal(0.0, {noise}, ({samples}, 2))"""


def _gate(name: str, label: str, source: str, *answers: int) -> Dataset:
    """A truth table of two inputs, its rows in the order 00, 01, 10, 11."""

    def rows() -> tuple[np.ndarray, np.ndarray]:
        return np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array(answers)

    code = f"""\
import numpy as np
inputs, labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array({list(answers)})"""
    ones = sum(answers)
    shape = DataShape(2, 2, len(answers), counts=(len(answers) - ones, ones))
    return Dataset(name=name, label=label, source=source, shape=lambda: shape, rows=rows, whole=True, code=lambda: code)


def _adding_code(length: int, samples: int) -> str:
    return f'''
import torch
def adding(stream, samples, length={length}):
    """Sequences (samples, length, 2) and their sums: add the two numbers that the second feature marks."""
    values = torch.rand(samples, length, generator=generator(f"{{stream}} values"))
    marks = torch.zeros(samples, length)
    for half, (low, high) in enumerate([(0, length // 2), (length // 2, length)]):
        place = torch.randint(low, high, (samples, 1), generator=generator(f"{{stream}} marks", half))
        marks.scatter_(1, place, 1.0)
    return torch.stack([values, marks], dim=2), (values * marks).sum(dim=1)


train_inputs, train_labels = adding("train", {samples})
validation_inputs, validation_labels = adding("validation", {max(1, samples // 4)})'''


def _training_part(samples: int) -> int:
    return samples - math.ceil(0.2 * samples)  # as train_test_split rounds


SHIPPED = {  # what guessing gets on the validation rows of scikit-learn's own tables, as ``splits.guess`` measures it
    "digits": Guess(2.302498287379282, 0.1),
    "breast_cancer": Guess(0.6581679861838114, 72 / 114),
    "wine": Guess(1.08970620850492, 14 / 36),
    "diabetes": Guess(0.8375528764572315, math.nan),
}


def _real(name: str, label: str, source: str, rows: int, features: int, counts: tuple[int, ...] = ()) -> Dataset:
    """One of scikit-learn's own tables; ``counts`` are the rows of its classes, none for a number."""
    shape = DataShape(features, len(counts), _training_part(rows), counts=counts, guess=1.0, on_rows=SHIPPED[name])
    return Dataset(
        name=name, label=label, source=source, shape=lambda: shape, rows=_shipped(name), code=_shipped_code(name)
    )


def _random_shape(
    name: str, label: str, source: str, noise: float, rows: Callable, code: Callable, *more: Argument
) -> Dataset:
    """A dataset in the plane with two classes, generated once from a fixed seed."""
    return Dataset(
        name=name,
        label=label,
        source=source,
        arguments=(
            Argument(name="samples", kind=int, default=1000, minimum=20, maximum=100_000, meaning="rows in all"),
            Argument(name="noise", kind=float, default=noise, minimum=0.0, maximum=10.0, meaning="spread of the noise"),
            *more,
        ),
        shape=lambda samples, **_: DataShape(
            2, 2, _training_part(samples), counts=(math.ceil(samples / 2), samples // 2)
        ),
        rows=rows,
        code=code,
    )


def _file_hint(name: str) -> str:
    """How a file or a data frame is written as a dataset; empty for what looks like neither."""
    if not name:
        return "core.csv(frame, target) gives the text for a data frame"
    return f"a file is written csv(path={name}, target=…)" if name.lower().endswith((".csv", ".tsv", ".txt")) else ""


TRUTH_TABLES = ("xor", "and", "or")  # four rows each, in the order 00, 01, 10, 11

DATASETS: Registry[Dataset] = Registry(
    "dataset",
    Dataset(
        name="gaussian",
        label="Gaussian noise",
        source="inputs N(0, 1), drawn once a run; labels random, in 10 classes",
        arguments=(
            Argument(
                name="features",
                kind=int,
                default=None,
                minimum=1,
                maximum=4096,
                meaning="inputs of the network; left out: as many as the width",
            ),
        ),
        shape=lambda features: DataShape(features, 10, None, counts=(1,) * 10),
        code=lambda features: (
            """\
inputs = torch.randn(BATCH_SIZE, FEATURES, generator=generator("inputs"))
labels = torch.randint(0, CLASSES, (BATCH_SIZE,), generator=generator("labels"))"""
        ),
    ),
    _gate("xor", "XOR", "the lesson's four points", 0, 1, 1, 0),
    _gate("and", "AND", "1 where both inputs are 1; one straight line separates it", 0, 0, 0, 1),
    _gate("or", "OR", "1 where an input is 1; one straight line separates it", 0, 1, 1, 1),
    _real(
        "digits",
        "handwritten digits",
        "real, 8 × 8 pixels; Alpaydin & Kaynak 1998 (UCI)",
        1797,
        64,
        (178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
    ),
    _real("breast_cancer", "breast cancer", "real, 30 measures of cells; Street 1993 (UCI)", 569, 30, (212, 357)),
    _real("wine", "wine", "real, 13 chemical measures; Forina 1991 (UCI)", 178, 13, (59, 71, 48)),
    _real(
        "diabetes",
        "diabetes progression (a number)",
        "real, 10 measures of patients; Efron 2004; the target is standardized too: a loss of 1 is that of guessing the mean",
        442,
        10,
    ),
    _random_shape("moons", "two moons", "sklearn.datasets.make_moons", 0.2, _moons, _moons_code),
    _random_shape("circles", "two circles", "sklearn.datasets.make_circles", 0.1, _circles, _circles_code),
    _random_shape(
        "spirals",
        "two spirals",
        "after Lang & Witbrock 1988",
        0.02,
        _spirals,
        _spirals_code,
        Argument(name="turns", kind=float, default=1.5, above=0.0, maximum=10.0, meaning="turns of each arm"),
    ),
    Dataset(
        name="adding",
        label="the adding problem",
        source="add the two marked numbers of a sequence; Hochreiter & Schmidhuber 1997; drawn once a run",
        arguments=(
            Argument(name="length", kind=int, default=50, minimum=2, maximum=1000, meaning="time steps of a sequence"),
            Argument(
                name="samples",
                kind=int,
                default=1280,
                minimum=4,
                maximum=100_000,
                meaning="training sequences of a run",
            ),
        ),
        shape=lambda length, samples: DataShape(2, 0, samples, length, guess=1 / 6),
        code=_adding_code,
    ),
    Dataset(
        name="csv",
        label="your own table",
        version=own_data.READER,
        source="a CSV file; gaps, dates and text encoded; a number as target is standardized too",
        arguments=(
            _own_argument(
                "path", "the file, of at most 50 MB; an upload has none, its hash finds it", identifies=False
            ),
            _own_argument("target", "the column to predict"),
            Argument(
                name="kind",
                kind=str,
                default="auto",
                choices=KINDS,
                meaning="what the target is: auto takes text, and whole numbers of at most 20 different values with 5 rows "
                "each on average, for classes; log predicts a number's logarithm",
            ),
            Argument(
                name="header",
                kind=str,
                default="auto",
                choices=("auto", "yes", "no"),
                meaning="whether the first row holds names; without, columns are called column 1, column 2 …",
            ),
            _own_argument(
                "keep",
                "columns to use though they seem to name rows, with commas between; in double quotes where a name holds one",
            ),
            _own_argument("sha256", "the first 16 digits or more of the file's hash; filled in"),
        ),
        complete=own_reading.completed,
        shape=_own_shape,
        rows=_own_rows,
        scaler=lambda **arguments: own_data.encoder(own_data.read_sheet(**arguments)),
        table=lambda **arguments: own_reading.reading(**arguments).table,
        scaler_code=own_script.encoder_code,
        code=own_script.reading_code,
    ),
    hint=_file_hint,
)


def shape_of(dataset: str) -> DataShape:
    """The sizes of the dataset that is written so; ValueError where there is none, or its file can't be used."""
    part = DATASETS.parse(dataset)
    return part.entry.shape(**part.arguments)


def usual_batch_size(dataset: str) -> int:
    """The smaller of 64 and the training rows."""
    return min(BATCH_SIZE, shape_of(dataset).training_rows or BATCH_SIZE)


def batch_problem(dataset: str, batch_size: int) -> str | None:
    """The sentence that refuses a batch larger than the training rows, or None."""
    shape = shape_of(dataset)
    if shape.training_rows is None or batch_size <= shape.training_rows:
        return None
    rows = counted(shape.training_rows, "sequence" if shape.length else "training row")
    return f"batch_size: {dataset} has {rows}, so it must be 1 to {shape.training_rows:,}, but got {batch_size:,}"
