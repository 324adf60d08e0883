"""What a script draws: a generator for each tensor, and the first weights."""

from __future__ import annotations

from core.parts.inits import INITS
from core.scripts.text import indented

GENERATOR = '''
import hashlib
import torch
def generator(stream, index=0):
    """A generator for one tensor alone, seeded with 32 bits of a hash."""
    digest = hashlib.sha256(f"{SEED} {stream} {index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))
'''


def initialize(init: str) -> str:
    """``initialize(weight, bias, layer)``, which fills both in place."""
    part = INITS.parse(init)
    return f'''
import torch
from torch import nn
@torch.no_grad()
def initialize(weight, bias, layer):
    """Draws the weight and bias of one Linear layer.

    {part.entry.source}
    """
{indented(part.entry.code(**part.arguments), 1)}
'''
