"""How a gradient fares on its way back through the time steps of a recurrent layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd import grad  # torch's own: the recorder wraps the name in torch.autograd later

Recurrent = nn.RNN | nn.LSTM | nn.GRU
ROWS = 32  # sequences that are looked at


def look(record: dict[str, Any], module: Recurrent, inputs: torch.Tensor, output: torch.Tensor) -> None:
    """Notes by which factor a gradient at the last state arrives before the first step, and what the loss reads.

    inputs  (B, T, D) with batch_first, else (T, B, D)
    output  (B, T, H) or (T, B, H); its entries are the top layer's states h_t

    The factor is ‖∂(v·h_T)/∂s_0‖ with v of length one, equal in all units, and s_0 the state of all layers before the first
    step, for an LSTM h and c together: the product of T Jacobians (Pascanu 2013, arXiv:1211.5063). The layer is computed
    once more for it, without dropout, by autograd.
    """
    if output.dim() != 3 or module.bidirectional:
        return
    steps = output.shape[1 if module.batch_first else 0]
    if steps < 2:
        return
    record["kind"] = type(module).__name__
    record["steps"] = steps
    record["factor"] = _factor(module, inputs)
    if output.requires_grad:
        record.setdefault("early", 0.0)
        output.register_hook(lambda gradient: _reads(record, gradient, module.batch_first))


def _factor(module: Recurrent, inputs: torch.Tensor) -> float:
    layers, width, top = module.num_layers, module.hidden_size, getattr(module, "proj_size", 0) or module.hidden_size
    few = inputs[:ROWS] if module.batch_first else inputs[:, :ROWS]
    few = few.detach().float()
    weights = [weight.detach().float() for weight in module._flat_weights if weight is not None]
    rows = few.shape[0 if module.batch_first else 1]
    sizes = [top, width] if isinstance(module, nn.LSTM) else [top]
    start = [few.new_zeros(layers, rows, size).requires_grad_() for size in sizes]
    passed = (weights, module.bias, layers, 0.0, True, False, module.batch_first)
    with torch.enable_grad(), torch.autocast(few.device.type, enabled=False):
        if isinstance(module, nn.LSTM):
            out = torch._VF.lstm(few, start, *passed)[0]
        else:
            out = getattr(torch._VF, _kernel(module))(few, start[0], *passed)[0]
        last = out[:, -1] if module.batch_first else out[-1]
        found = grad(last.sum() * top**-0.5, start)
    return float(torch.cat([gradient.transpose(0, 1).flatten(1) for gradient in found], dim=1).norm(dim=1).mean())


def _kernel(module: Recurrent) -> str:
    return f"rnn_{module.nonlinearity}" if isinstance(module, nn.RNN) else "gru"


def _reads(record: dict[str, Any], gradient: torch.Tensor, batch_first: bool) -> None:
    """Whether the loss reads more than the last state: by the share of its gradient that enters before the last step."""
    by_time = gradient.detach().float().abs().sum(dim=(0, 2) if batch_first else (1, 2))
    record["early"] = max(record["early"], 1 - float(by_time[-1] / by_time.sum().clamp_min(1e-30)))
