"""The recurrent network of a script."""

from __future__ import annotations

from core.parts.inits import INITS
from core.parts.models import MODELS
from core.scripts import draws


def initialize(init: str) -> str:
    """``initialize(weight, bias, layer)``; PyTorch's default bounds all weights of a recurrent layer by its width."""
    code = draws.initialize(init)
    default = INITS.parse(init).entry.name == "torch_default"
    if not default:
        return code
    swapped = {"weight.shape[1]": "WIDTH", "torch.nn.Linear": "torch.nn.RNN", "fan_in": "WIDTH"}
    for one, other in swapped.items():
        code = code.replace(one, other)
    return code


def network(model: str) -> str:
    """``Network``: a recurrent layer of WIDTH units, and a linear readout of its last state."""
    return (
        _network(model, "")
        + """
    def forward(self, sequences):
        states, _ = self.recurrent(sequences)
        return self.readout(states[:, -1]).squeeze(1)
"""
    )


def unrolled(model: str) -> str:
    """``Network``, its recurrent weights times GAIN, which gives the state after every time step as well."""
    if model == "lstm":
        start, step = "2, len(sequences), WIDTH", "state = torch.cat(self.recurrent(step, tuple(state.split(1)))[1])"
        what = "(2, rows, WIDTH), h and c side by side"
    else:
        start, step = "1, len(sequences), WIDTH", "_, state = self.recurrent(step, state)"
        what = "(1, rows, WIDTH)"
    return (
        _network(model, "\n            weights_hh[gate].data *= GAIN")
        + f"""
    def forward(self, sequences):
        \"\"\"The readout, and the state after each time step: {what}.\"\"\"
        state, states = sequences.new_zeros({start}), []
        for step in sequences.split(1, dim=1):
            {step}
            states.append(state)
        return self.readout(state[0]).squeeze(1), states
"""
    )


def _network(model: str, scaled: str) -> str:
    """``Network`` without its forward pass; ``scaled`` is a line that changes a gate's recurrent weights."""
    entry = MODELS.parse(model).entry
    each = "" if entry.gates == 1 else f"  # each of its {entry.gates} gates is drawn by itself"
    return f'''
from torch import nn
class Network(nn.Module):
    """{entry.module} with WIDTH units, and a linear readout of its last state."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.{entry.module}(2, WIDTH, batch_first=True)
        self.readout = nn.Linear(WIDTH, 1)
        weights_ih, weights_hh, biases_ih, biases_hh = (p.split(WIDTH) for p in self.recurrent.parameters())
        for gate in range({entry.gates}):{each}
            initialize(weights_ih[gate], biases_ih[gate], 2 * gate + 1)
            initialize(weights_hh[gate], biases_hh[gate], 2 * gate + 2){scaled}
        initialize(self.readout.weight, self.readout.bias, {2 * entry.gates + 1})
'''
