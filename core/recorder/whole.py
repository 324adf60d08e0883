"""What each part of the recorder sees of the whole recording; the session that joins the parts fills it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from .parameters import Parameters
from .patches import Patches
from .sites import Sites


class Whole(Protocol):
    """The state that the parts share, and where they report what they see.

    The other parts are ``Any``: each knows this room and none of its neighbours.
    """

    on: bool  # recording
    sampled: bool  # the step under way is measured dearly
    unnamed: bool  # a module or parameter has no name yet
    compiled: bool
    step: int  # optimizer steps of the whole script
    last_loss: float
    scaling: Any
    scaling_on: bool
    scale: float
    updating_statistics: bool
    plain_lists: set[str]
    patches: Patches
    sites: Sites
    parameters: Parameters
    modules: Any
    losses: Any
    optimizers: Any
    clips: Any

    def safely(self, act: Callable[..., Any], *args: Any) -> Any:
        """What ``act`` returns; our own mishap never reaches the script."""

    def mishap(self, error: Exception) -> None:
        """Notes that something could not be recorded."""

    def layer_row(self, layer: str, values: dict[str, float]) -> None:
        """Adds measures to the row of a layer on the step under way."""

    def name_all(self, depth: int) -> None:
        """Names modules, parameters and optimizers by the script's own variables."""

    def before_backward(self) -> None:
        """The training goes on: an evaluation, if there was one, has ended."""

    def after_step(self, record: Any, optimizer: torch.optim.Optimizer, loss: float) -> None:
        """An optimizer stepped."""

    def hand_step(self) -> None:
        """The script moved its parameters itself."""
