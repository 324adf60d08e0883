"""The transformer of a script."""

from __future__ import annotations

from core.parts.activations import ACTIVATIONS


def network(activation: str) -> str:
    """``Network``: DEPTH pre-norm blocks of WIDTH units and HEADS heads, and a linear readout of the last place."""
    phi = ACTIVATIONS.parse(activation)
    return f'''
from torch import nn
from torch.nn import functional
class Block(nn.Module):
    """x + attention(LayerNorm(x)), then x + MLP(LayerNorm(x))."""

    def __init__(self):
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)  # softmax would take no notice of a bias
        self.value = nn.Linear(WIDTH, WIDTH)
        self.projection = nn.Linear(WIDTH, WIDTH)
        self.mlp_norm = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.phi = {phi.entry.code(**phi.arguments)}
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        normal = self.attention_norm(x)
        parts = self.query(normal), self.key(normal), self.value(normal)
        query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.projection(seen.transpose(1, 2).flatten(2))
        return x + self.down(self.phi(self.up(self.mlp_norm(x))))


import torch
def position():
    """Sines and cosines of every place, (LENGTH, WIDTH); Vaswani 2017, arXiv:1706.03762, section 3.5."""
    place = torch.arange(LENGTH, dtype=torch.float64)[:, None]
    angle = place / 10000 ** (torch.arange(0, WIDTH, 2, dtype=torch.float64) / WIDTH)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1).float()


class Network(nn.Module):
    """DEPTH causal blocks on inputs with their place added, and a linear readout of the last place."""

    def __init__(self):
        super().__init__()
        self.input = nn.Linear(FEATURES, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.readout = nn.Linear(WIDTH, 1)
        self.register_buffer("position", position())
        linears = [module for module in self.modules() if isinstance(module, nn.Linear)]
        for layer, linear in enumerate(linears, start=1):
            bias = torch.empty(0) if linear.bias is None else linear.bias
            initialize(linear.weight, bias, layer)

    def forward(self, sequences):
        x = self.blocks(self.input(sequences) + self.position)
        return self.readout(self.norm(x[:, -1])).squeeze(1)
'''
