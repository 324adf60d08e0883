"""What a column of a log means, by its name: which loss, which rate, which accuracy, of training or of validation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

TRAIN = {"train", "training", "tr", "trn", "fit"}
VALIDATION = {"val", "valid", "validation", "eval", "evaluation", "dev"}
TEST = {"test", "testing"}
STEPS = {"step", "steps", "iter", "iters", "iteration", "iterations", "it", "globalstep", "update", "updates"}
EPOCHS = {"epoch", "epochs", "ep"}
FILLING = {"avg", "average", "mean", "running", "total", "overall", "value", "final", "batch", "smoothed", "current"}
ACCURACY = {"acc", "accuracy", "acc1", "top1"}
ACCURACY_KINDS = {"categorical", "sparse", "binary", "top", "1", "token", "masked", "multiclass", "classification"}
NOT_A_LOSS = {"scale", "scaler", "weight", "weights", "lr", "count", "mask", "ratio", "time", "best", "min", "lowest"}


@dataclass(frozen=True)
class Meaning:
    """What a name says.

    role   ``step epoch loss accuracy lr grad_norm clipped_grad_norm`` or ``other``
    split  ``train val test`` or empty
    rank   how plain the name is: of several with one meaning the least is taken
    """

    role: str
    split: str = ""
    rank: int = 0


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning:
    """What a column's name says."""
    split_words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip())
    tokens = [token for token in re.split(r"[^a-z0-9]+", split_words.lower()) if token]
    if not tokens or len(tokens) > 8:
        return Meaning("other")
    if tokens in (["trl"], ["tel"]):  # llm.c
        return Meaning("loss", "train" if tokens == ["trl"] else "val")
    words = set(tokens)
    split = "val" if words & VALIDATION else "test" if words & TEST else "train" if words & TRAIN else ""
    rest = [token for token in tokens if token not in TRAIN | VALIDATION | TEST]
    bare = [token for token in rest if token not in FILLING]
    if _rate(rest):
        return Meaning("lr", rank=len(rest))
    if words & {"grad", "gradient", "gradients", "gnorm"} and words & {"norm", "gnorm"}:
        role = "clipped_grad_norm" if words & {"clipped", "after"} else "grad_norm"
        return Meaning(role, rank=len(bare))
    if bare in (["norm"], ["gnorm"]):
        return Meaning("grad_norm", rank=1)
    if not split or split == "train":
        plain = [token for token in rest if token not in {"global", "current", "trainer", "num"}]
        if len(plain) == 1 and plain[0] in STEPS and "total" not in words:
            return Meaning("step", rank=0 if words & {"global", "current"} else 1)
        if len(plain) == 1 and plain[0] in EPOCHS and not words & {"num", "total"}:
            return Meaning("epoch")
    shape = [token for token in bare if token not in STEPS | EPOCHS]
    late = 1 if words & EPOCHS else 0
    if shape and set(shape) & ACCURACY and set(shape) <= ACCURACY | ACCURACY_KINDS:
        return Meaning("accuracy", split, 2 * len(shape) + late)
    if "loss" in words or "losses" in words:
        if words & NOT_A_LOSS:
            return Meaning("other", split)
        return Meaning("loss", split, 2 * len(shape) + late)
    if (
        shape
        and len(shape) <= 2
        and set(shape) <= {"nll", "cross", "entropy", "crossentropy", "bce", "ce", "objective"}
    ):
        return Meaning("loss", split, 6 + late)
    return Meaning("other", split)


def _rate(tokens: list[str]) -> bool:
    """Whether these words name a learning rate: ``lr lr-Adam lr/pg0 x/lr0 learning_rate``."""
    if ("learning" in tokens and "rate" in tokens) or "learningrate" in tokens:
        return True
    return (
        bool(re.fullmatch(r"lr\d?", tokens[0])) or (bool(tokens) and bool(re.fullmatch(r"lr\d?", tokens[-1])))
        if tokens
        else False
    )


def plain(name: str) -> str:
    """A name for a metric that is none of ours: lower case, words joined by an underscore."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")[:60]
