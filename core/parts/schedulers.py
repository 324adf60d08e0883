"""Learning-rate schedules: PyTorch's own classes, from one description that is built and printed.

An entry describes its schedule as a ``Call``: a class of torch.optim.lr_scheduler with its arguments, sized for the
training at hand. ``make`` builds the real object from it, ``source`` the Python text of the same expression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.parts import calls
from core.parts import schedule_recipes as recipes
from core.parts.calls import Call
from core.registry import Argument, Entry, Part, Registry, Value

if TYPE_CHECKING:
    import torch
    from torch.optim.lr_scheduler import LRScheduler

MOST = 1_000_000  # the largest count and rate an argument may be
FLOORS, PEAKS = ("eta_min", "min_lr"), ("max_lr",)  # arguments that lie below and above base_lr
PLACES = ("warmup", "decay", "step_size", "step_size_up", "milestones", "t_0")  # arguments within the training


@dataclass(frozen=True, kw_only=True)
class Scheduler(Entry):
    """A schedule of the learning rate.

    arguments   the last is ``per``; one whose name is in FLOORS, PEAKS or PLACES is held within base_lr or the training
    recipe      (base_lr, epochs, steps_per_epoch, **arguments without per) -> Call; how often it is stepped leaves
                it as it is, so that ``per`` shows what the wrong stepping does
    clash       (training batches, **arguments without per) -> the sentence that refuses them, or None
    needs_loss  stepped with a loss, the validation's or each batch's own, so that it can't be traced beforehand
    endless     goes on as it began: there is no course that ends, or that begins anew
    """

    recipe: Callable[..., Call]
    clash: Callable[..., str | None] | None = None
    needs_loss: bool = False
    endless: bool = False

    @property
    def per(self) -> Value:
        """``epoch`` or ``batch``: how often it is meant to be stepped."""
        return next(argument.default for argument in self.arguments if argument.name == "per")


def call_of(part: Part[Scheduler], base_lr: float, epochs: int, steps_per_epoch: int) -> Call:
    """The schedule's description, sized for the training."""
    return part.entry.recipe(base_lr, epochs, steps_per_epoch, **_arguments(part))


def make(
    part: Part[Scheduler], optimizer: torch.optim.Optimizer, base_lr: float, epochs: int, steps_per_epoch: int
) -> LRScheduler:
    """PyTorch's own scheduler on ``optimizer``, whose learning rate is ``base_lr``."""
    scheduler: LRScheduler = calls.built(call_of(part, base_lr, epochs, steps_per_epoch), optimizer)
    return scheduler


def source(part: Part[Scheduler], base_lr: float, epochs: int, steps_per_epoch: int) -> str:
    """The Python expression for ``make``'s scheduler, where ``torch`` and ``optimizer`` are in scope."""
    return calls.text(call_of(part, base_lr, epochs, steps_per_epoch))


def stepping(part: Part[Scheduler]) -> str:
    """``epoch`` or ``batch``: after which of them the scheduler is stepped."""
    return str(part.arguments["per"])


def cycles_momentum(part: Part[Scheduler]) -> bool:
    """Whether the schedule sets the momentum (Adam's beta1) as well, even for an optimizer without one."""
    return bool(part.arguments.get("cycle_momentum", False))


def problem(part: Part[Scheduler], base_lr: float, epochs: int, steps_per_epoch: int) -> str | None:
    """The sentence that says why the schedule can't work in this training, or None.

    A schedule that is meant for batches is measured by them even where it is stepped per epoch: that mistake is
    there to be seen.
    """
    name, arguments = part.entry.name, _arguments(part)
    batches = epochs * steps_per_epoch
    by_batch = "batch" in (part.entry.per, stepping(part))
    length, unit = (batches, "batches") if by_batch else (epochs, "epochs")
    for argument, value in arguments.items():
        if value is None:
            continue
        if argument in PEAKS and value < base_lr:
            return f"{name}: {argument} must be base_lr ({base_lr}) or more, but got {value}; raise it, or write {name} alone: it peaks at ten times base_lr"
        if argument in FLOORS and value > base_lr:
            return f"{name}: {argument} must be at most base_lr ({base_lr}), but got {value}; lower it or raise base_lr"
        if argument in PLACES and (value[-1] if isinstance(value, tuple) else value) >= length:
            return (
                f"{name}: {argument} must be less than the {length} {unit} of the training, but got {value}; "
                "lower it or train for more epochs"
            )
    return part.entry.clash(batches, **arguments) if part.entry.clash else None


def _arguments(part: Part[Scheduler]) -> dict[str, Any]:
    """The arguments of the schedule itself."""
    return {name: value for name, value in part.arguments.items() if name != "per"}


def _per(default: str) -> Argument:
    meaning = f"when .step() is called; its own is after every {default}, and its course is sized for that"
    return Argument(name="per", kind=str, default=default, choices=("epoch", "batch"), meaning=meaning)


def _number(name: str, default: float | None, meaning: str, **bounds: float) -> Argument:
    return Argument(name=name, kind=float, default=default, meaning=meaning, **bounds)  # type: ignore[arg-type]


def _count(name: str, default: int | None, meaning: str, minimum: int = 1) -> Argument:
    return Argument(name=name, kind=int, default=default, minimum=minimum, maximum=MOST, meaning=meaning)


def _word(name: str, meaning: str, *choices: str) -> Argument:
    return Argument(name=name, kind=str, default=choices[0], choices=choices, meaning=meaning)


def _gamma(default: float) -> Argument:
    return _number("gamma", default, "factor on the rate at each drop", above=0.0, maximum=1.0)


_PEAK = _number("max_lr", None, "the highest rate; 10 · base_lr unless given", above=0.0, maximum=MOST)
_CYCLE_MOMENTUM = Argument(
    name="cycle_momentum",
    kind=bool,
    default=True,
    meaning="momentum (Adam's beta1) falls while the rate rises; switches it on where the optimizer has none",
)
_WARMUP = _count("warmup", None, "batches until the rate is base_lr; a tenth of all unless given")
_START_FACTOR = _number("start_factor", 0.01, "share of base_lr to start from", above=0.0, maximum=1.0)
_ETA_MIN = _number("eta_min", 1e-6, "the lowest rate", minimum=0.0, maximum=MOST)

SCHEDULERS: Registry[Scheduler] = Registry(
    "scheduler",
    Scheduler(
        name="plateau",
        endless=True,
        label="reduce on plateau",
        source="torch.optim.lr_scheduler.ReduceLROnPlateau, fed the validation loss",
        arguments=(
            _number("factor", 0.5, "factor on the rate at each drop", above=0.0, below=1.0),
            _count("patience", 10, "losses in a row without progress that are let pass before a drop", minimum=0),
            _word("mode", "min: a lower loss is progress", "min", "max"),
            _number("threshold", 1e-4, "share by which the best loss must be beaten", minimum=0.0, maximum=1.0),
            _count("cooldown", 0, "losses after a drop that are not judged", minimum=0),
            _number("min_lr", 0.0, "the lowest rate", minimum=0.0, maximum=MOST),
            _per("epoch"),
        ),
        recipe=recipes.plateau,
        needs_loss=True,
    ),
    Scheduler(
        name="cosine",
        label="cosine",
        source="torch.optim.lr_scheduler.CosineAnnealingLR, T_max = epochs; Loshchilov & Hutter 2017, arXiv:1608.03983",
        arguments=(_ETA_MIN, _per("epoch")),
        recipe=lambda base_lr, epochs, steps_per_epoch, eta_min: Call(
            "CosineAnnealingLR", {"T_max": epochs, "eta_min": eta_min}
        ),
    ),
    Scheduler(
        name="one_cycle",
        label="one cycle",
        source="torch.optim.lr_scheduler.OneCycleLR, total_steps = all batches; Smith & Topin 2018, arXiv:1708.07120",
        arguments=(
            _PEAK,
            _number("pct_start", 0.3, "share of the batches to rise", above=0.0, below=1.0),
            _CYCLE_MOMENTUM,
            _per("batch"),
        ),
        recipe=recipes.one_cycle,
        clash=recipes.flat_rise,
    ),
    Scheduler(
        name="constant",
        endless=True,
        label="constant",
        source="torch.optim.lr_scheduler.ConstantLR; with PyTorch's own default factor a third of the rate, here all",
        arguments=(
            _number("factor", 1.0, "factor on base_lr at first", above=0.0, maximum=1.0),
            _count("total_iters", None, "epochs until the rate is base_lr; all unless given"),
            _per("epoch"),
        ),
        recipe=recipes.constant,
    ),
    Scheduler(
        name="step",
        label="step",
        source="torch.optim.lr_scheduler.StepLR",
        arguments=(
            _count("step_size", None, "epochs between drops; a third of all unless given"),
            _gamma(0.1),
            _per("epoch"),
        ),
        recipe=recipes.step,
    ),
    Scheduler(
        name="multi_step",
        label="several steps",
        source="torch.optim.lr_scheduler.MultiStepLR; at half and three quarters as He 2016, arXiv:1512.03385",
        arguments=(
            Argument(
                name="milestones",
                kind=tuple,
                default=None,
                maximum=MOST,
                meaning="epochs after which the rate drops; half and three quarters of all unless given",
            ),
            _gamma(0.1),
            _per("epoch"),
        ),
        recipe=recipes.multi_step,
    ),
    Scheduler(
        name="exponential",
        endless=True,
        label="exponential",
        source="torch.optim.lr_scheduler.ExponentialLR",
        arguments=(_gamma(0.9), _per("epoch")),
        recipe=lambda base_lr, epochs, steps_per_epoch, gamma: Call("ExponentialLR", {"gamma": gamma}),
    ),
    Scheduler(
        name="polynomial",
        label="polynomial",
        source="torch.optim.lr_scheduler.PolynomialLR, down to 0",
        arguments=(
            _number("power", 1.0, "1: a straight line; 2: a parabola", above=0.0, maximum=10.0),
            _count("total_iters", None, "epochs until the rate is 0; all unless given"),
            _per("epoch"),
        ),
        recipe=recipes.polynomial,
    ),
    Scheduler(
        name="linear_warmup",
        label="linear warm-up",
        source="torch.optim.lr_scheduler.LinearLR; Goyal 2017, arXiv:1706.02677",
        arguments=(_WARMUP, _START_FACTOR, _per("batch")),
        recipe=recipes.linear_warmup,
    ),
    Scheduler(
        name="warmup_cosine",
        label="warm-up, then cosine",
        source="torch.optim.lr_scheduler.SequentialLR of LinearLR and CosineAnnealingLR",
        arguments=(_WARMUP, _START_FACTOR, _ETA_MIN, _per("batch")),
        recipe=recipes.warmup_cosine,
    ),
    Scheduler(
        name="cosine_restarts",
        label="cosine with restarts",
        source="torch.optim.lr_scheduler.CosineAnnealingWarmRestarts; Loshchilov & Hutter 2017, arXiv:1608.03983",
        arguments=(
            _count("t_0", None, "epochs of the first course; a third of all unless given"),
            Argument(
                name="t_mult",
                kind=int,
                default=1,
                minimum=1,
                maximum=100,
                meaning="factor on each next course's length",
            ),
            _ETA_MIN,
            _per("epoch"),
        ),
        recipe=recipes.cosine_restarts,
    ),
    Scheduler(
        name="cyclic",
        label="cyclic",
        source="torch.optim.lr_scheduler.CyclicLR; Smith 2017, arXiv:1506.01186",
        arguments=(
            _PEAK,
            _count("step_size_up", None, "batches to rise, and as many to fall; an eighth of all unless given"),
            _word("mode", "triangular2: each cycle half as high as the last", "triangular", "triangular2"),
            _CYCLE_MOMENTUM,
            _per("batch"),
        ),
        recipe=recipes.cyclic,
    ),
    Scheduler(
        name="inverse_sqrt",
        endless=True,
        label="inverse square root",
        source="torch.optim.lr_scheduler.LambdaLR; Vaswani 2017, arXiv:1706.03762",
        arguments=(_WARMUP, _per("batch")),
        recipe=recipes.inverse_sqrt,
    ),
    Scheduler(
        name="wsd",
        label="warm-up, stable, decay",
        source="torch.optim.lr_scheduler.SequentialLR of LinearLR, ConstantLR, LinearLR; Hu 2024, arXiv:2404.06395",
        arguments=(
            _WARMUP,
            _count("decay", None, "batches to fall to 0 at the end; a fifth of all unless given"),
            _START_FACTOR,
            _per("batch"),
        ),
        recipe=recipes.wsd,
        clash=recipes.crowded,
    ),
)
