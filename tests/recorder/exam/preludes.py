"""The heads that scripts of the exam share: imports and a small data set."""

IMPORTS = """\
import math, random
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(SEED); random.seed(SEED); np.random.seed(SEED)
"""

BLOBS = (
    IMPORTS
    + """\
centers = torch.randn(4, 20) * 1.2
y = torch.randint(0, 4, (640,))
X = centers[y] + torch.randn(640, 20)
Xtr, ytr, Xva, yva = X[:512], y[:512], X[512:], y[512:]
"""
)

TWO = (
    IMPORTS
    + """\
X = torch.randn(512, 10)
w_true = torch.randn(10)
y = ((X @ w_true + 0.3 * torch.randn(512)) > 0).float()
"""
)

LINE = (
    IMPORTS
    + """\
X = torch.randn(512, 8)
y = torch.sin(X[:, 0]) + 0.5 * X[:, 1] + 0.05 * torch.randn(512)
"""
)

IMAGES = (
    IMPORTS
    + """\
y = torch.randint(0, 4, (320,))
X = 0.3 * torch.randn(320, 1, 8, 8)
for i in range(320):
    r, c = divmod(int(y[i]), 2)
    X[i, 0, 4 * r:4 * r + 4, 4 * c:4 * c + 4] += 1.0
"""
)

SERIES = (
    IMPORTS
    + """\
t = torch.rand(256, 1) * 6.28
seq = torch.sin(t + torch.linspace(0, 6.28, 17)[None]).unsqueeze(-1)
X, y = seq[:, :-1], seq[:, -1]
"""
)

PRELUDES = {"IMPORTS": IMPORTS, "BLOBS": BLOBS, "TWO": TWO, "LINE": LINE, "IMAGES": IMAGES, "SERIES": SERIES}
