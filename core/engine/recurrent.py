"""A stack of recurrent networks that trains: tanh, LSTM or GRU cells, a linear readout of the last state, mean square error.

    R runs of a stack, T time steps, B batch rows, D inputs, H units, G rows of gates (H each)

Time step t reads one matrix (R, H + D + 1, B): the state, the inputs and a row of ones, padded, so that one product with
[W_hh W_ih b] gives all gates. The backward pass is written by hand, beside the forward pass it differentiates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch

from core.engine import draws, padded
from core.engine.data import Batch
from core.engine.layout import Layout
from core.engine.products import product, repeated, unwarned
from core.parts.hyperbolic import by_sigmoid, from_sigmoid, quick_tanh, tanh
from core.parts.inits import INITS
from core.parts.models import MODELS
from core.parts.torch_private import sigmoid_backward, tanh_backward

if TYPE_CHECKING:
    from torch import Tensor

Watch = Callable[[int, "Tensor", "Tensor | None"], None]  # time step from 1, ∂L/∂h, ∂L/∂c of an LSTM


class Cell(Protocol):
    """One time step of R networks, forward and backward; remembers what the way back needs."""

    rows: int  # of gates in the joint product, in units of H
    doubled: slice  # of these, whose tanh is 2σ(2z) - 1 where ``by_sigmoid`` says so: the weights are doubled, not z

    def start(self, length: int, shape: tuple[int, int, int], like: Tensor) -> None:
        """Makes room for ``length`` steps of states of ``shape``, (R, H, B)."""
        ...

    def forward(self, t: int, z: Tensor, state: Tensor, out: Tensor) -> None:
        """Writes the state after step t, from gates z (R, rows · H, B), which it may overwrite, and the state before."""
        ...

    def backward(self, t: int, dh: Tensor, state: Tensor, after: Tensor, dz: Tensor) -> Tensor | None:
        """Writes ∂L/∂z into dz, given ∂L/∂h after step t; what goes straight back to the state before, or None."""
        ...

    def memory_gradient(self) -> Tensor | None:
        """∂L/∂c before the step that ``backward`` was called for last; None for cells without one."""
        ...


class Tanh:
    """h = tanh(z); Elman 1990."""

    rows, doubled = 1, slice(0, 1)

    def start(self, length: int, shape: tuple[int, int, int], like: Tensor) -> None:
        """Nothing to remember: φ' follows from the state."""
        self._by_sigmoid = by_sigmoid(like)

    def forward(self, t: int, z: Tensor, state: Tensor, out: Tensor) -> None:
        """h = tanh(z)."""
        if self._by_sigmoid:
            from_sigmoid(torch.sigmoid(z, out=z), out)
        else:
            tanh(z, out)

    def backward(self, t: int, dh: Tensor, state: Tensor, after: Tensor, dz: Tensor) -> None:
        """∂L/∂z = ∂L/∂h (1 - h²)."""
        tanh_backward(dh, after, dz)

    def memory_gradient(self) -> None:
        """No memory beside the state."""


class Lstm:
    """c = f c + i g, h = o tanh(c), gates i f g o; Hochreiter & Schmidhuber 1997, Gers 2000."""

    rows, doubled = 4, slice(2, 3)

    def start(self, length: int, shape: tuple[int, int, int], like: Tensor) -> None:
        """Room for gates, cells and their tanh."""
        runs, units, columns = shape
        self._by_sigmoid = by_sigmoid(like)
        self._units = units
        self._gates = like.new_empty(length, runs, 4 * units, columns)
        self._cells = like.new_zeros(length + 1, runs, units, columns)
        self._tanh = like.new_empty(length, runs, units, columns)
        self._dc = like.new_zeros(runs, units, columns)

    def forward(self, t: int, z: Tensor, state: Tensor, out: Tensor) -> None:
        """One step."""
        gates, units = self._gates[t], self._units
        torch.sigmoid(z, out=gates)
        i, f, g, o = gates.split(units, 1)
        if self._by_sigmoid:
            from_sigmoid(g, g)
        else:
            tanh(z[:, 2 * units : 3 * units], g)
        c = torch.mul(f, self._cells[t], out=self._cells[t + 1])
        c.addcmul_(i, g)
        quick_tanh(c, self._tanh[t], scratch=self._tanh[t])
        torch.mul(o, self._tanh[t], out=out)
        if t + 1 == len(self._gates):
            self._dc.zero_()

    def backward(self, t: int, dh: Tensor, state: Tensor, after: Tensor, dz: Tensor) -> None:
        """∂L/∂c = o (1 - tanh²c) ∂L/∂h + what came from later; then through the gates."""
        i, f, g, o = self._gates[t].split(self._units, 1)
        di, df, dg, do = dz.split(self._units, 1)
        tanh_c, dc = self._tanh[t], self._dc
        scratch = torch.mul(dh, o)
        tanh_backward(scratch, tanh_c, scratch)
        dc.add_(scratch)
        sigmoid_backward(torch.mul(dc, g, out=scratch), i, di)
        sigmoid_backward(torch.mul(dc, self._cells[t], out=scratch), f, df)
        tanh_backward(torch.mul(dc, i, out=scratch), g, dg)
        sigmoid_backward(torch.mul(dh, tanh_c, out=scratch), o, do)
        dc.mul_(f)

    def memory_gradient(self) -> Tensor:
        """∂L/∂c."""
        return self._dc


class Gru:
    """n = tanh(n_x + r n_h), h = (1 - u) n + u h; gates r u n_x n_h; Cho 2014, arXiv:1406.1078, as torch.nn.GRU."""

    rows, doubled = 4, slice(0, 0)

    def start(self, length: int, shape: tuple[int, int, int], like: Tensor) -> None:
        """Room for gates and candidates."""
        runs, units, columns = shape
        self._units = units
        self._gates = like.new_empty(length, runs, 2 * units, columns)
        self._hidden = like.new_empty(length, runs, units, columns)
        self._candidates = like.new_empty(length, runs, units, columns)

    def forward(self, t: int, z: Tensor, state: Tensor, out: Tensor) -> None:
        """One step."""
        units, n = self._units, self._candidates[t]
        gates = torch.sigmoid(z[:, : 2 * units].contiguous(), out=self._gates[t])
        r, u = gates.split(units, 1)
        self._hidden[t] = z[:, 3 * units :]
        torch.addcmul(z[:, 2 * units : 3 * units], r, self._hidden[t], out=n)
        quick_tanh(n, n, scratch=n)
        torch.addcmul(n, u, state - n, out=out)

    def backward(self, t: int, dh: Tensor, state: Tensor, after: Tensor, dz: Tensor) -> Tensor:
        """Through the candidate and both gates; u ∂L/∂h goes straight back to the state before."""
        r, u = self._gates[t].split(self._units, 1)
        n = self._candidates[t]
        dr, du, dx, dhidden = dz.split(self._units, 1)
        straight = dh * u
        tanh_backward(dh - straight, n, dx)
        torch.mul(dx, r, out=dhidden)
        sigmoid_backward(dx * self._hidden[t], r, dr)
        sigmoid_backward(dh * (state - n), u, du)
        return straight

    def memory_gradient(self) -> None:
        """No memory beside the state."""


class _Passes:
    """Memory of both passes over T time steps, with every view and product of the loops made once.

    steps   what the gates read, (T + 1, R, H + D + 1, B)
    states  of it, the states before and after each step, (R, H, B) each; steps_turned: (R, B, H + D + 1) each
    gates   by time step, computes z from the step
    z, dz   the gates of a step and ∂L/∂z, (R, G H, B); dh: ∂L/∂h of a step, (R, H, B)
    back    computes dh from dz, by ``turned``, W_hhᵀ (R, H, G H)
    """

    def __init__(self, joint: Tensor, units: int, length: int, columns: int) -> None:
        runs, rows, inner = joint.shape
        self.steps = joint.new_zeros(length + 1, runs, inner, columns)
        self.states = [step[:, :units] for step in self.steps]
        self.steps_turned = [step.transpose(1, 2) for step in self.steps]
        self.z, self.dz = joint.new_empty(runs, rows, columns), joint.new_empty(runs, rows, columns)
        self.dh, self.turned = joint.new_empty(runs, units, columns), joint.new_empty(runs, units, rows)
        self.gates = [repeated(joint, step, self.z) for step in self.steps[:length]]
        self.back = repeated(self.turned, self.dz, self.dh)


CELLS: dict[str, type[Cell]] = {"rnn": Tanh, "lstm": Lstm, "gru": Gru}


class Recurrent:
    """R recurrent networks of one kind.

    parameters, gradient  (R, P), laid out as ``layout`` says; the gradient is that of the latest batch
    gains                 a factor on each run's recurrent weights, after they are drawn; 1 where none are given
    """

    def __init__(
        self,
        model: str,
        width: int,
        features: int,
        runs: tuple[tuple[str, int], ...],
        dtype: torch.dtype,
        device: str,
        gains: Sequence[float] = (),
    ) -> None:
        self._width, self._features, self._gates = width, features, MODELS[model].gates
        self._units = padded(width)
        self._cell = CELLS[model]()
        rows = self._gates * self._units
        self.layout = Layout.of(
            [
                ("weight_ih", rows, features, False),
                ("weight_hh", rows, self._units, False),
                ("bias_ih", rows, 0, False),
                ("bias_hh", rows, 0, False),
                ("readout", 1, self._units, True),
                ("readout bias", 1, 0, True),
            ]
        )
        self.parameters = torch.zeros(len(runs), self.layout.size, dtype=dtype, device=device)
        self.gradient = torch.zeros_like(self.parameters)
        self._tensors, self._gradients = self.layout.views(self.parameters), self.layout.views(self.gradient)
        for r, (init, seed) in enumerate(runs):
            self._draw(r, init, seed, gains[r] if gains else 1.0)
        self._inner = self._units + -(-(features + 1) // 4) * 4  # whole vectors; the matrices still begin alike
        self._joint = self.parameters.new_zeros(len(runs), self._cell.rows * self._units, self._inner)
        self._passes: _Passes | None = None
        self._rows = self._filled = 0  # of the training's batches, and of the latest

    def _draw(self, r: int, init: str, seed: int, gain: float) -> None:
        """One run's initial parameters: gate g draws its input weights as layer 2g + 1, its recurrent ones as 2g + 2."""
        width, units, tensors = self._width, self._units, self._tensors
        for gate in range(self._gates):
            rows = slice(gate * units, gate * units + width)
            for offset, source, fan_in in ((1, "ih", self._features), (2, "hh", width)):
                weight, bias = recurrent_layer(init, seed, 2 * gate + offset, width, fan_in)
                tensors[f"weight_{source}"][r, rows, :fan_in] = weight * gain if source == "hh" else weight
                if bias is not None:
                    tensors[f"bias_{source}"][r, rows, 0] = bias
        part, layer = INITS.parse(init), 2 * self._gates + 1
        generator = draws.generator(seed, "weight", layer)
        tensors["readout"][r, :1, :width] = part.entry.weight(generator, 1, width, **part.arguments)
        if part.entry.bias is not None:
            generator = draws.generator(seed, "bias", layer)
            tensors["readout bias"][r, :1, 0] = part.entry.bias(generator, 1, width, **part.arguments)

    def weight_hh(self) -> Tensor:
        """The recurrent matrices without padding, (R, gates · H, H)."""
        gates = self._tensors["weight_hh"].unflatten(1, (self._gates, self._units))
        return gates[:, :, : self._width, : self._width].flatten(1, 2)

    def _join(self, passes: _Passes) -> None:
        """[W_hh W_ih b] of all gates and W_hhᵀ, from the parameters."""
        tensors, units, features = self._tensors, self._units, self._features
        joint, ones = self._joint, units + features
        if isinstance(self._cell, Gru):
            split = 2 * units
            joint[:, : 3 * units, units:ones] = tensors["weight_ih"][:, :, :features]
            joint[:, :split, :units] = tensors["weight_hh"][:, :split]
            joint[:, 3 * units :, :units] = tensors["weight_hh"][:, split:]
            joint[:, : 3 * units, ones] = tensors["bias_ih"][:, :, 0]
            joint[:, :split, ones] += tensors["bias_hh"][:, :split, 0]
            joint[:, 3 * units :, ones] = tensors["bias_hh"][:, split:, 0]
        else:
            joint[:, :, :units] = tensors["weight_hh"]
            joint[:, :, units:ones] = tensors["weight_ih"][:, :, :features]
            joint[:, :, ones] = (tensors["bias_ih"] + tensors["bias_hh"])[:, :, 0]
        passes.turned.copy_(joint[:, :, :units].transpose(1, 2))
        if by_sigmoid(joint):
            doubled = self._cell.doubled
            joint[:, doubled.start * units : doubled.stop * units].mul_(2.0)

    def _split(self, joint: Tensor) -> None:
        """The gradient of [W_hh W_ih b] to the parameters' gradients; both biases have the same."""
        gradients, units, features = self._gradients, self._units, self._features
        ones = units + features
        if isinstance(self._cell, Gru):
            split = 2 * units
            gradients["weight_ih"][:, :, :features] = joint[:, : 3 * units, units:ones]
            gradients["weight_hh"][:, :split] = joint[:, :split, :units]
            gradients["weight_hh"][:, split:] = joint[:, 3 * units :, :units]
            gradients["bias_ih"][:, :, 0] = joint[:, : 3 * units, ones]
            gradients["bias_hh"][:, :split, 0] = joint[:, :split, ones]
            gradients["bias_hh"][:, split:, 0] = joint[:, 3 * units :, ones]
        else:
            gradients["weight_hh"].copy_(joint[:, :, :units])
            gradients["weight_ih"][:, :, :features] = joint[:, :, units:ones]
            gradients["bias_ih"][:, :, 0] = joint[:, :, ones]
            gradients["bias_hh"][:, :, 0] = joint[:, :, ones]

    def _read(self, batch: Batch) -> _Passes:
        """The forward pass over all steps."""
        length, runs, _, columns = batch.inputs.shape
        units, features = self._units, self._features
        if self._passes is None or self._passes.steps.shape != (length + 1, runs, self._inner, columns):
            self._passes = _Passes(self._joint, units, length, columns)
            self._filled = 0
            self._cell.start(length, (runs, units, columns), self.parameters)
        passes, steps = self._passes, self._passes.steps
        if self._filled != batch.rows:  # only real rows have a bias, so that states are zero in the padding
            self._filled = batch.rows
            steps[:length, :, units + features, : batch.rows] = 1.0
            steps[:length, :, units + features, batch.rows :] = 0.0
        steps[:length, :, units : units + features] = batch.inputs[:, :, :features]
        self._join(passes)
        states, z, forward = passes.states, passes.z, self._cell.forward
        with unwarned():
            for t, gates in enumerate(passes.gates):
                gates()
                forward(t, z, states[t], states[t + 1])
        return passes

    def _error(self, state: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss (R,), in float64, and the error output - target (R, B)."""
        output = product(self._tensors["readout"], state)[:, 0, : batch.rows] + self._tensors["readout bias"][:, 0]
        error = output - batch.targets
        return (error * error).sum(1, dtype=torch.float64) / batch.rows, error

    def states(self) -> Tensor:
        """The states after every step of the latest batch, (T, R, H, B), padded."""
        assert self._passes is not None
        return self._passes.steps[1:, :, : self._units]

    def learn(self, batch: Batch, watch: Watch | None = None) -> Tensor:
        """Each run's loss on the batch, (R,), in float64; its gradient stands in ``gradient`` then.

        watch  called for every time step, from the last, with the gradient of the loss with respect to its state
        """
        self._rows = batch.rows
        passes = self._read(batch)
        states, dz, dh = passes.states, passes.dz, passes.dh
        last = states[-1].contiguous()
        loss, error = self._error(last, batch)
        start = last.new_zeros(len(last), padded(1), last.shape[2])
        start[:, 0, : batch.rows] = error * (2.0 / batch.rows)  # ∂L/∂output = 2 (output - target) / B
        product(start, last.transpose(1, 2), self._gradients["readout"])
        self._gradients["readout bias"].copy_(start.sum(2, keepdim=True))
        product(self._tensors["readout"].transpose(1, 2), start, dh)
        joint = torch.zeros_like(self._joint)
        with unwarned():
            for t in reversed(range(len(batch.inputs))):
                if watch is not None:
                    watch(t + 1, dh, self._cell.memory_gradient())
                straight = self._cell.backward(t, dh, states[t], states[t + 1], dz)
                joint.baddbmm_(dz, passes.steps_turned[t])  # ∂L/∂W += ∂L/∂z [h x 1]ᵀ
                if t:
                    passes.back()  # ∂L/∂h_{t-1} = W_hhᵀ ∂L/∂z
                    if straight is not None:
                        dh.add_(straight)
        self._split(joint)
        return loss

    def evaluate(self, batch: Batch) -> tuple[Tensor, ...]:
        """Each run's loss on the batch, (R,), in float64; a number has no accuracy, so NaN beside it.

        Read in pieces as wide as the training's batches, so that it needs no more memory than they do.
        """
        total = torch.zeros(len(self.parameters), dtype=torch.float64, device=self.parameters.device)
        width = self._rows or batch.rows
        for start in range(0, batch.rows, width):
            rows = min(width, batch.rows - start)
            inputs = batch.inputs.new_zeros(*batch.inputs.shape[:3], padded(width))
            inputs[..., :rows] = batch.inputs[..., start : start + rows]
            piece = Batch(inputs, batch.targets[:, start : start + rows], rows)
            loss, _ = self._error(self._read(piece).states[-1].contiguous(), piece)
            total += loss * rows
        loss = total / batch.rows
        return loss, *(torch.full_like(loss, math.nan) for _ in range(2))


def recurrent_layer(init: str, seed: int, layer: int, width: int, fan_in: int) -> tuple[Tensor, Tensor | None]:
    """One gate's weights (width, fan_in) and bias (width,), float32; a bias of None is zero.

    ``torch_default`` is what torch.nn.RNN does: uniform on ±1/√width, whatever the fan-in.
    """
    part, generator = INITS.parse(init), draws.generator(seed, "weight", layer)
    if part.entry.name == "torch_default":
        bound = 1.0 / math.sqrt(width)
        weight = torch.empty(width, fan_in).uniform_(-bound, bound, generator=generator)
    else:
        weight = part.entry.weight(generator, width, fan_in, **part.arguments)
    if part.entry.bias is None:
        return weight, None
    return weight, part.entry.bias(draws.generator(seed, "bias", layer), width, width, **part.arguments)
