"""Pairs on initial weights, depth, units, rates and the course of the loss."""

FIT = """
for epoch in range(12):
    perm = torch.randperm(512)
    for i in range(0, 512, 64):
        b = perm[i:i + 64]
        opt.zero_grad()
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
    print(epoch, loss.item())
"""

CASES = {
    "constant_weights": (
        "bad_initialization symmetric_units",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.05) #-
        nn.init.xavier_uniform_(m.weight) #+
        nn.init.zeros_(m.bias)
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
"""
        + FIT,
    ),
    "zero_weights": (
        "bad_initialization symmetric_units zero_gradient",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
def init(m):
    if isinstance(m, nn.Linear):
        m.weight.data.zero_() #-
        m.bias.data.zero_()
model.apply(init)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
"""
        + FIT,
    ),
    "huge_weights": (
        "bad_initialization saturated_units dead_units",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4))
for p in model.parameters():
    if p.dim() > 1:
        nn.init.normal_(p, std=3.0) #-
        nn.init.xavier_normal_(p) #+
opt = torch.optim.SGD(model.parameters(), lr=0.02)
"""
        + FIT,
    ),
    "deep_sigmoid": (
        "vanishing_gradients",
        """BLOBS
layers = [nn.Linear(20, 32)]
for _ in range(10):
    layers += [nn.Sigmoid(), nn.Linear(32, 32)] #-
    layers += [nn.ReLU(), nn.BatchNorm1d(32), nn.Linear(32, 32)] #+
model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.05)
"""
        + FIT,
    ),
    "exploding_depth": (
        "exploding_gradients bad_initialization diverged",
        """BLOBS
layers = [nn.Linear(20, 64)]
for _ in range(12):
    layers += [nn.ReLU(), nn.Linear(64, 64)]
model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(64, 4))
for m in model.modules():
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, std=1.0) #-
        nn.init.kaiming_normal_(m.weight) #+
        nn.init.zeros_(m.bias)
opt = torch.optim.SGD(model.parameters(), lr=0.003)
"""
        + FIT,
    ),
    "dead_relu": (
        "dead_units learning_rate_too_high",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
opt = torch.optim.SGD(model.parameters(), lr=20.0) #-
opt = torch.optim.SGD(model.parameters(), lr=0.1) #+
"""
        + FIT,
    ),
    "negative_bias_dead": (
        "dead_units bad_initialization",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
nn.init.constant_(model[0].bias, -30.0) #-
opt = torch.optim.SGD(model.parameters(), lr=0.1)
"""
        + FIT,
    ),
    "no_activation": (
        "no_nonlinearity",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(20, 64), nn.Linear(64, 64), nn.Linear(64, 4)
    def forward(self, x):
        x = self.fc1(x)
        x = F.relu(x) #+
        x = self.fc2(x)
        x = F.relu(x) #+
        return self.fc3(x)
model = Net()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
"""
        + FIT,
    ),
    "rate_too_high_adam": (
        "learning_rate_too_high dead_units stuck_at_chance",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=3.0) #-
opt = torch.optim.Adam(model.parameters(), lr=3e-3) #+
"""
        + FIT,
    ),
    "rate_diverges_regression": (
        "diverged learning_rate_too_high",
        """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(model.parameters(), lr=5.0) #-
opt = torch.optim.SGD(model.parameters(), lr=0.05) #+
for it in range(100):
    opt.zero_grad()
    loss = F.mse_loss(model(X).squeeze(1), y)
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "rate_too_low": (
        "learning_rate_too_low",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=1e-5) #-
opt = torch.optim.SGD(model.parameters(), lr=0.1) #+
"""
        + FIT,
    ),
    "rate_too_low_adam": (
        "learning_rate_too_low",
        """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-7) #-
opt = torch.optim.Adam(model.parameters(), lr=1e-2) #+
for epoch in range(20):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.mse_loss(model(xb).squeeze(1), yb)
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "log_of_zero": (
        "diverged",
        """TWO
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.SGD(model.parameters(), lr=5.0)
for it in range(200):
    p = torch.sigmoid(8 * model(X).squeeze(1))
    loss = -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean() #-
    loss = F.binary_cross_entropy_with_logits(model(X).squeeze(1), y) #+
    opt.zero_grad()
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "rnn_explodes": (
        "exploding_gradients diverged learning_rate_too_high",
        """SERIES
rnn = nn.RNN(1, 32, batch_first=True, nonlinearity="relu")
out = nn.Linear(32, 1)
nn.init.eye_(rnn.weight_hh_l0)
rnn.weight_hh_l0.data.mul_(2.0) #-
params = [*rnn.parameters(), *out.parameters()]
opt = torch.optim.SGD(params, lr=0.01)
for it in range(100):
    b = torch.randint(0, 256, (32,))
    o, _ = rnn(X[b])
    loss = F.mse_loss(out(o[:, -1]), y[b])
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 1.0) #+
    opt.step()
print(loss.item())
""",
    ),
    "shuffled_labels": (
        "stuck_at_chance",
        """BLOBS
ytr = ytr[torch.randperm(512)] #-
model = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.05)
"""
        + FIT,
    ),
    "memorizes": (
        "overfitting",
        """IMPORTS
X, w = torch.randn(300, 60), torch.randn(60)
y = ((X @ w + 8 * torch.randn(300)) > 0).long()
n = 60 #-
n = 240 #+
Xtr, ytr, Xva, yva = X[:n], y[:n], X[240:], y[240:]
model = nn.Sequential(nn.Linear(60, 256), nn.ReLU(), nn.Linear(256, 2))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(150): #-
for epoch in range(4): #+
    loss = F.cross_entropy(model(Xtr), ytr)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        val = F.cross_entropy(model(Xva), yva)
print(loss.item(), val.item())
""",
    ),
    "decay_outweighs": (
        "too_much_regularization",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1.0) #-
opt = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1e-4) #+
"""
        + FIT,
    ),
    "penalty_outweighs": (
        "too_much_regularization",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
strength = 10.0 #-
strength = 1e-4 #+
for it in range(150):
    b = torch.randint(0, 512, (64,))
    l2 = sum(p.pow(2).sum() for p in model.parameters())
    loss = F.cross_entropy(model(Xtr[b]), ytr[b]) + strength * l2
    opt.zero_grad()
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
}
