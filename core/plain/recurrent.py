"""The recurrent network of a script."""

from __future__ import annotations

from core.parts.inits import INITS
from core.parts.models import MODELS
from core.plain import draws


def initialize(init: str) -> str:
    """``initialize(weight, bias, layer)``; PyTorch's default bounds all weights of a recurrent layer by its width."""
    written = draws.initialize(init)
    default = INITS.parse(init).entry.name == "torch_default"
    return (
        written.replace("weight.shape[1]", "WIDTH").replace("torch.nn.Linear", "torch.nn.RNN") if default else written
    )


def network(model: str) -> str:
    """``Network``: a recurrent layer of WIDTH units, and a linear readout of its last state."""
    entry = MODELS.parse(model).entry
    gates = "" if entry.gates == 1 else f" of its {entry.gates} gates"
    return f'''
from torch import nn
class Network(nn.Module):
    """{entry.module} with WIDTH units, and a linear readout of its last state."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.{entry.module}(2, WIDTH, batch_first=True)
        self.readout = nn.Linear(WIDTH, 1)
        weights_ih, weights_hh, biases_ih, biases_hh = (p.split(WIDTH) for p in self.recurrent.parameters())
        for gate in range({entry.gates}):  # each{gates} is drawn by itself
            initialize(weights_ih[gate], biases_ih[gate], 2 * gate + 1)
            initialize(weights_hh[gate], biases_hh[gate], 2 * gate + 2)
        initialize(self.readout.weight, self.readout.bias, {2 * entry.gates + 1})

    def forward(self, sequences):
        states, _ = self.recurrent(sequences)
        return self.readout(states[:, -1]).squeeze(1)
'''.replace("  # each is drawn by itself", "")
