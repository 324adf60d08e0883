"""One training and its schedule."""

from __future__ import annotations

from core.experiments import Preset
from core.experiments.training.settings import Training
from core.parts import schedulers as parts
from core.parts.schedulers import SCHEDULERS
from core.settings import part

LESSON = "plateau,cosine,one_cycle"


class Schedulers(Training):
    """One training and its schedule."""

    scheduler: str = part("plateau", SCHEDULERS)

    def contradiction(self) -> str | None:
        """The first reason why this can't be trained, or None."""
        impossible = super().contradiction()
        if impossible:
            return impossible
        wrong = parts.problem(SCHEDULERS.parse(self.scheduler), self.base_lr, self.epochs, self.steps_per_epoch)
        return f"scheduler: {wrong}" if wrong else None


PRESETS = (
    Preset(
        "Four schedules, one highest rate",
        "The lesson's three beside a constant rate, all with the same highest rate: how much do they buy?",
        {"scheduler": "plateau,cosine,one_cycle(max_lr=0.01),constant", "base_lr": "0.01", "seeds": "10"},
    ),
    Preset(
        "The lesson's three at its rates",
        "ReduceLROnPlateau, cosine and one-cycle beside a constant rate, as the lesson has them: one-cycle peaks ten times higher.",
        {"scheduler": f"{LESSON},constant", "seeds": "10"},
    ),
    Preset(
        "Each at its own best rate",
        "Five base rates each; the schedule that wins at one of them may lose at another.",
        {"scheduler": f"{LESSON},constant", "base_lr": "0.0001,0.0003,0.001,0.003,0.01", "seeds": "5"},
    ),
    Preset(
        "One-cycle stepped per epoch",
        "Its course is sized in batches: stepped per epoch, it covers a sliver of it.",
        {"scheduler": 'one_cycle,one_cycle(per="epoch"),constant', "seeds": "10"},
    ),
    Preset(
        "Every schedule of the lab",
        "All schedules with their defaults, on digits.",
        {"scheduler": ",".join(entry.name for entry in SCHEDULERS), "seeds": "5"},
    ),
    Preset(
        "BatchNorm with momentum SGD",
        "With momentum SGD and BatchNorm the rate may be large at first: schedules matter more than with Adam.",
        {
            "scheduler": f"{LESSON},constant",
            "depth": "3",
            "norm": "batch",
            "optimizer": "sgd(momentum=0.9)",
            "base_lr": "0.05",
            "seeds": "10",
        },
    ),
)
