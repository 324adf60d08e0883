"""How a gradient fares on its way back through the time steps of a recurrent layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def look(record: dict[str, Any], module: nn.RNN, output: torch.Tensor) -> None:
    """Notes by which factor a gradient at the last state arrives at the first one, through the last layer.

    output  (B, T, H) with batch_first, else (T, B, H); its entries are the states h_t

    ∂L/∂h_{t-1} = W_hhᵀ (φ'(h_t) ∂L/∂h_t) with φ' = 1 - h_t² for tanh and h_t > 0 for ReLU (Pascanu 2013, arXiv:1211.5063);
    ∂L/∂h_T is one that is equal in all units.
    """
    if output.dim() != 3 or module.bidirectional or module.proj_size:
        return
    states = output.detach().float()
    states = states if not module.batch_first else states.transpose(0, 1)
    steps = states.shape[0]
    if steps < 2:
        return
    weights = getattr(module, f"weight_hh_l{module.num_layers - 1}").detach().float()
    gradient = torch.full_like(states[0], states.shape[2] ** -0.5)
    for t in range(steps - 1, 0, -1):
        slope = 1 - states[t] ** 2 if module.nonlinearity == "tanh" else (states[t] > 0).float()
        gradient = (gradient * slope) @ weights
    record["steps"] = steps
    record["factor"] = float(gradient.norm(dim=1).mean())
