"""What ``watch`` costs a script: python -m tests.benchmarks.watching [--pairs N] [NAME …].

Each script tells what its loop took of the processor, which bears a busy machine; it runs plain and watched in turns, in a process
of its own each time, with one thread. Printed: a plain step, the median of the ratios watched to plain, the extremes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import time, torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
"""
LOOP = """
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
started = time.process_time()
for step in range(STEPS):
    b = torch.randint(0, len(X), (B,))
    loss = F.cross_entropy(net(X[b]), y[b])
    opt.zero_grad()
    loss.backward()
    opt.step()
print((time.process_time() - started) / STEPS)
"""
SCRIPTS = {
    "mlp 64-64-10": """
X, y, B, STEPS = torch.randn(1024, 64), torch.randint(0, 10, (1024,)), 64, 6000
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
""",
    "cnn on 8 × 8 images": """
X, y, B, STEPS = torch.randn(1024, 1, 8, 8), torch.randint(0, 10, (1024,)), 128, 800
net = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
                    nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10))
""",
    "lstm of 64 units, 50 steps": """
X, y, B, STEPS = torch.randn(1024, 50, 8), torch.randint(0, 10, (1024,)), 64, 500
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(8, 64, batch_first=True), nn.Linear(64, 10)
    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])
net = Net()
""",
    "transformer of 2 layers": """
X, y, B, STEPS = torch.randint(0, 50, (1024, 32)), torch.randint(0, 10, (1024,)), 32, 400
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.embed, self.encode, self.out = nn.Embedding(50, 64), nn.TransformerEncoder(layer, 2), nn.Linear(64, 10)
    def forward(self, x):
        return self.out(self.encode(self.embed(x)).mean(1))
net = Net()
""",
}


def step_seconds(script: Path, watched: bool, store: Path) -> float:
    """What the script says a step took."""
    command = [sys.executable, *(["-m", "core", "watch"] if watched else []), str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GRADIENT_LAB_STORE": str(store)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout)


def main() -> None:
    """Measures what the words ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("names", nargs="*", default=list(SCRIPTS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        script, store = Path(folder) / "train.py", Path(folder) / "results.sqlite"
        for name in given.names:
            script.write_text(HEAD + SCRIPTS[name] + LOOP, encoding="utf-8")
            plain, ratios = [], []
            for _ in range(given.pairs):
                plain.append(step_seconds(script, False, store))
                ratios.append(step_seconds(script, True, store) / plain[-1])
            print(
                f"{name}: {1e3 * statistics.median(plain):.2f} ms a step, watched {statistics.median(ratios):.3f} times as long"
                f" ({min(ratios):.3f} to {max(ratios):.3f}, {given.pairs} pairs)",
                flush=True,
            )


if __name__ == "__main__":
    main()
