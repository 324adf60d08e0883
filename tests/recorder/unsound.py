"""Printed scripts with a flaw drawn at random, and whether the flaw spoilt their training, judged by its outcome alone."""

import csv
import io
import math
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from tests.core.experiments.random_settings import drawn_sweep

Settings = dict[str, object]
SHARE = "largest class"  # the words before the share of the validation rows' largest class, on the last line
TENTH = 10  # of a course: its ends are medians over a tenth


@dataclass(frozen=True)
class Flaw:
    """One way to spoil a training.

    settings  from a draw, what it changes in sound settings
    codes     the findings that name it, any of them
    lines     of the script, put before its loop; empty where the settings say it all
    """

    settings: Callable[[random.Random], Settings]
    codes: tuple[str, ...]
    lines: str = ""


def rate(draw: random.Random, low: float, high: float) -> str:
    """A learning rate between the powers ``low`` and ``high`` of ten."""
    return f"{10 ** draw.uniform(low, high):.3g}"


PLAIN = {"norm": "none", "residual": "none"}
FLAWS = {
    "rate_too_high": Flaw(
        lambda draw: {"base_lr": rate(draw, 1, 3)}, ("learning_rate_too_high", "diverged", "exploding_gradients")
    ),
    "rate_too_low": Flaw(lambda draw: {"base_lr": rate(draw, -9, -6)}, ("learning_rate_too_low",)),
    "zeros": Flaw(
        lambda draw: PLAIN | {"init": "zeros", "depth": str(draw.randint(2, 5))},
        ("bad_initialization", "symmetric_units"),
    ),
    "deep_sigmoid": Flaw(
        lambda draw: PLAIN | {"activation": "sigmoid", "depth": str(draw.randint(8, 20))}, ("vanishing_gradients",)
    ),
    "dead_units": Flaw(
        lambda draw: PLAIN | {"activation": "relu", "depth": str(draw.randint(2, 5))},
        ("dead_units",),
        "with torch.no_grad():\n    for linear in model.linears:\n        linear.bias -= 30\n",
    ),
    "clipped_to_nothing": Flaw(
        lambda draw: {
            "clipper": "norm(max_norm=1e-6)",
            "optimizer": draw.choice(("sgd", "sgd(momentum=0.9)")),
            "base_lr": rate(draw, -2, -0.3),
        },
        ("gradients_always_clipped", "learning_rate_too_low"),
    ),
    "labels_shuffled": Flaw(
        lambda draw: {},
        ("stuck_at_chance", "no_progress", "overfitting"),
        "train_labels = train_labels[torch.randperm(len(train_labels), generator=generator('flaw'))]\n",
    ),
}


def flawed_script(draw: random.Random, flaw: Flaw) -> tuple[str, str]:
    """The experiment and settings as text, and the script of settings that would be sound but for ``flaw``."""
    while True:
        changes = flaw.settings(draw)
        kind, sweep = drawn_sweep(draw, ("clipping",) if "clipper" in changes else ("schedulers", "clipping"), seeds=1)
        settings = {name: value for name, value in sweep.link().items() if name != "seeds"} | {"seed": 0} | changes
        try:
            script = kind.code(kind.one_run(settings))
        except ValueError:  # settings that can't go together
            continue
        head, header, loop = script.partition("\nprint(")
        assert header
        share = f'print("{SHARE}", max(validation_labels.double().eq(k).double().mean().item() for k in range(10)))\n'
        return f"{kind.name} {settings}", head + "\n" + flaw.lines + header + loop + share


def is_spoilt(output: str) -> bool:
    """Whether a script's output shows a loss that diverged or ended above its start, or an accuracy of guessing."""
    *table, last = output.strip().splitlines()
    rows = list(csv.DictReader(io.StringIO("\n".join(table))))
    losses = [float(row["train_loss"] or math.nan) for row in rows]
    if not all(map(math.isfinite, losses)):
        return True
    size = max(1, len(losses) // TENTH)
    right = [float(row["val_accuracy"]) for row in rows if row["val_accuracy"]]
    rose = statistics.median(losses[-size:]) > statistics.median(losses[:size])
    return rose or right[-1] <= float(last.removeprefix(SHARE))
