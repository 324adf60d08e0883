"""Pairs that show the same faults in other clothes."""

CLASSIFY = """BLOBS
class Classifier(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, 4)
    def forward(self, x):
        return self.head(self.layers(x))
"""

CASES = {
    "step_before_backward": (
        "nothing_trained accumulated_gradients_discarded",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.Adam(net.parameters())
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        optimizer.step() #-
        loss.backward()
        optimizer.step() #+
    print(epoch, loss.item())
""",
    ),
    "rate_is_zero": (
        "nothing_trained",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step // 1000) #-
sched = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 1000) #+
for it in range(100):
    b = torch.randint(0, 512, (64,))
    optimizer.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); optimizer.step(); sched.step()
print(loss.item())
""",
    ),
    "tensor_that_is_no_parameter": (
        "parameters_not_in_optimizer",
        """LINE
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = torch.randn(8, 16, requires_grad=True) #-
        self.w1 = nn.Parameter(torch.randn(8, 16)) #+
        self.out = nn.Linear(16, 1)
    def forward(self, x):
        return self.out(torch.relu(x @ self.w1))
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for it in range(120):
    loss = F.mse_loss(net(X).squeeze(-1), y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "backbone_under_no_grad": (
        "parameters_without_gradient",
        CLASSIFY
        + """
class Net(Classifier):
    def forward(self, x):
        with torch.no_grad(): #-
            h = self.layers(x) #-
        h = self.layers(x) #+
        return self.head(h)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    optimizer.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "never_zeroed_while_accumulating": (
        "gradients_not_zeroed",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
for i in range(160):
    b = torch.randint(0, 512, (16,))
    loss = F.cross_entropy(net(Xtr[b]), ytr[b]) / 4
    loss.backward()
    if (i + 1) % 4 == 0:
        optimizer.step()
        optimizer.zero_grad() #+
print(loss.item())
""",
    ),
    "adamw_decay_ten": (
        "too_much_regularization",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=20.0) #-
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-2) #+
for it in range(200):
    b = torch.randint(0, 512, (64,))
    optimizer.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "missing_values": (
        "diverged",
        CLASSIFY
        + """
Xtr[5, 3] = float("nan") #-
net = Classifier()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(8):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "cosine_in_steps_per_epoch": (
        "schedule_unfinished",
        CLASSIFY
        + """
def main():
    net = Classifier()
    loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=32, shuffle=True)
    epochs = 8
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
    for epoch in range(epochs):
        for xb, yb in loader:
            optimizer.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); optimizer.step()
            scheduler.step() #+
        scheduler.step() #-
    print(loss.item(), scheduler.get_last_lr())
main()
""",
    ),
    "one_cycle_runs_out": (
        "schedule_repeats",
        CLASSIFY
        + """
net = Classifier()
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=10) #-
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=10 * len(loader)) #+
for epoch in range(10):
    for xb, yb in loader:
        optimizer.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); optimizer.step()
        scheduler.step()
print(loss.item())
""",
    ),
    "explicit_dropout_in_evaluation": (
        "dropout_in_evaluation",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 4)
    def forward(self, x):
        h = torch.relu(self.a(x))
        h = F.dropout(h, p=0.4, training=True) #-
        h = F.dropout(h, p=0.4, training=self.training) #+
        return self.b(h)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
def evaluate():
    net.eval()
    right = 0
    with torch.no_grad():
        for xb, yb in DataLoader(TensorDataset(Xva, yva), batch_size=32):
            right += (net(xb).argmax(1) == yb).sum().item()
    return right / len(yva)
for epoch in range(6):
    net.train()
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); optimizer.step()
    print(evaluate())
""",
    ),
    "accuracy_in_train_mode": (
        "validation_in_train_mode",
        """IMAGES
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
def accuracy():
    model.eval() #+
    with torch.no_grad():
        right = (model(X[256:]).argmax(1) == y[256:]).float().mean().item()
    model.train() #+
    return right
for epoch in range(6):
    for xb, yb in DataLoader(TensorDataset(X[:256], y[:256]), batch_size=32, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); optimizer.step()
    print(accuracy())
""",
    ),
    "sliced_in_order": (
        "batches_not_shuffled",
        CLASSIFY
        + """
Xtr, ytr = torch.cat([Xtr[ytr == c] for c in range(4)]), torch.cat([ytr[ytr == c] for c in range(4)])
net = Classifier()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(6):
    order = torch.randperm(512) #+
    Xe, ye = Xtr, ytr #-
    Xe, ye = Xtr[order], ytr[order] #+
    for i in range(0, 512, 16):
        optimizer.zero_grad(); loss = F.cross_entropy(net(Xe[i:i + 16]), ye[i:i + 16]); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "binary_in_order": (
        "batches_not_shuffled",
        """TWO
order = torch.argsort(y)
order = torch.randperm(512) #+
X, y = X[order], y[order]
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32):
        loss = F.binary_cross_entropy_with_logits(model(xb).squeeze(1), yb)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "squared_error_summed_by_hand": (
        "loss_summed_over_batch learning_rate_too_high diverged",
        """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
for it in range(80):
    pred = model(X).squeeze(1)
    loss = ((pred - y) ** 2).sum() #-
    loss = ((pred - y) ** 2).mean() #+
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "tiny_weights_deep_tanh": (
        "vanishing_gradients bad_initialization",
        """BLOBS
layers, width = [], 20
for _ in range(8):
    layers += [nn.Linear(width, 32), nn.Tanh()]
    width = 32
model = nn.Sequential(*layers, nn.Linear(32, 4))
for m in model.modules():
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, 0, 0.01) #-
        nn.init.xavier_normal_(m.weight) #+
        nn.init.zeros_(m.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "convolutions_on_end": (
        "no_nonlinearity",
        """IMAGES
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.fc = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(512, 4)
    def forward(self, x):
        x = self.c2(self.c1(x)) #-
        x = F.relu(self.c2(F.relu(self.c1(x)))) #+
        return self.fc(x.flatten(1))
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(6):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "autoencoder_sigmoid_on_standardized": (
        "output_does_not_fit_loss",
        """LINE
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8),
    nn.Sigmoid(), #-
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    for (xb,) in DataLoader(TensorDataset(X), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = nn.MSELoss()(model(xb), xb); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "momentum_explodes": (
        "diverged learning_rate_too_high",
        """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.99) #-
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9) #+
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.mse_loss(model(xb).squeeze(1), yb); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "clip_scaled_values": (
        "clipped_before_unscale",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
scaler = torch.amp.GradScaler("cpu")
for it in range(100):
    b = torch.randint(0, 512, (64,))
    with torch.autocast("cpu"):
        loss = F.cross_entropy(net(Xtr[b]), ytr[b])
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer) #+
    nn.utils.clip_grad_value_(net.parameters(), 0.1)
    scaler.step(optimizer)
    scaler.update()
print(loss.item())
""",
    ),
    "plateau_max_on_loss": (
        "plateau_on_training_batches",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=2) #-
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", patience=2) #+
for epoch in range(15):
    total = 0.0
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); optimizer.step()
        total += loss.item()
    with torch.no_grad():
        val = F.cross_entropy(net(Xva), yva).item()
    scheduler.step(val)
    print(total, val, optimizer.param_groups[0]["lr"])
""",
    ),
    "one_layer_zero_in_binary_net": (
        "bad_initialization symmetric_units",
        """TWO
X = X[:, :2]; y = ((X[:, 0] * X[:, 1]) > 0).float()
model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
nn.init.ones_(model[0].weight) #-
nn.init.zeros_(model[0].bias)
nn.init.ones_(model[2].weight) #-
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for it in range(200):
    loss = F.binary_cross_entropy_with_logits(model(X).squeeze(1), y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "average_keeps_the_graph": (
        "graph_grows",
        """LINE
model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
average = torch.zeros(())
for it in range(40):
    b = torch.randint(0, 512, (32,))
    out = model(X[b]).squeeze(1)
    average = 0.9 * average + 0.1 * out.mean()
    loss = F.mse_loss(out, y[b]) + average ** 2
    optimizer.zero_grad()
    loss.backward(retain_graph=True) #-
    loss.backward() #+
    average = average.detach() #+
    optimizer.step()
print(loss.item())
""",
    ),
    "recalls_the_first_step": (
        "vanishing_gradients",
        """IMPORTS
X = torch.randn(384, 60, 1); y = (X[:, 0, 0] > 0).long()
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 24, batch_first=True)
        self.out = nn.Linear(24, 2)
    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])
net = Net()
X, y = X, (X[:, -1, 0] > 0).long() #+
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    ),
    "lstm_forgets_the_first_step": (
        "vanishing_gradients",
        """IMPORTS
X = torch.randn(384, 60, 1); y = (X[:, 0, 0] > 0).long()
rnn, out = nn.LSTM(1, 24, batch_first=True), nn.Linear(24, 2)
rnn.bias_hh_l0.data.chunk(4)[1].fill_(3.0) #+
opt = torch.optim.Adam([*rnn.parameters(), *out.parameters()], lr=3e-3)
for epoch in range(30):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(out(rnn(xb)[0][:, -1]), yb); loss.backward(); opt.step()
print(loss.item())
""",
    ),
    "gru_forgets_the_first_step": (
        "vanishing_gradients",
        """IMPORTS
X = torch.randn(80, 192, 1); y = (X[0, :, 0] > 0).long()
rnn, out = nn.GRU(1, 24, num_layers=2, dropout=0.1), nn.Linear(24, 2)
y = (X[-1, :, 0] > 0).long() #+
opt = torch.optim.Adam([*rnn.parameters(), *out.parameters()], lr=3e-3)
for epoch in range(30):
    for b in torch.randperm(192).split(64):
        _, state = rnn(X[:, b])
        opt.zero_grad(); loss = F.cross_entropy(out(state[-1]), y[b]); loss.backward(); opt.step()
print(loss.item())
""",
    ),
    "deep_sigmoid_adam": (
        "vanishing_gradients stuck_at_chance",
        """IMAGES
layers = [nn.Flatten(), nn.Linear(64, 32)]
for _ in range(12):
    layers += [nn.Sigmoid(), nn.Linear(32, 32)] #-
    layers += [nn.ReLU(), nn.Linear(32, 32)] if _ < 2 else [] #+
model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    ),
    "adam_rate_one": (
        "learning_rate_too_high dead_units",
        """IMAGES
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 4))
opt = torch.optim.Adam(model.parameters(), lr=1.0) #-
opt = torch.optim.Adam(model.parameters(), lr=3e-3) #+
for epoch in range(8):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    ),
    "head_replaced_after_optimizer": (
        "parameters_not_in_optimizer",
        CLASSIFY
        + """
net = Classifier()
net.head = nn.Linear(48, 4) #+
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
net.head = nn.Linear(48, 4) #-
for it in range(120):
    b = torch.randint(0, 512, (64,))
    optimizer.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "plateau_fed_the_epoch": (
        "plateau_on_training_batches",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); optimizer.step()
    with torch.no_grad(): val = F.cross_entropy(net(Xva), yva)
    scheduler.step(epoch) #-
    scheduler.step(val) #+
print(loss.item(), optimizer.param_groups[0]["lr"])
""",
    ),
    "raw_table": (
        "inputs_not_normalized",
        """IMPORTS
n = 512
age, income, rooms = 20 + 50 * torch.rand(n), 20000 + 90000 * torch.rand(n), torch.randint(1, 8, (n,)).float()
X = torch.stack([age, income, rooms], 1)
y = ((income / 55000 + age / 45 + 0.2 * torch.randn(n)) > 2.2).float()
X = (X - X.mean(0)) / X.std(0) #+
model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        loss = nn.BCEWithLogitsLoss()(model(xb), yb.unsqueeze(1))
        opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    ),
    "kl_of_probabilities": (
        "output_does_not_fit_loss",
        CLASSIFY
        + """
net = Classifier()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    wanted = 0.9 * F.one_hot(ytr[b], 4).float() + 0.025
    given = F.softmax(net(Xtr[b]), 1) #-
    given = F.log_softmax(net(Xtr[b]), 1) #+
    loss = F.kl_div(given, wanted, reduction="batchmean")
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    "huge_weights_relu": (
        "bad_initialization exploding_gradients dead_units learning_rate_too_high",
        CLASSIFY
        + """
net = Classifier()
for p in net.parameters():
    nn.init.normal_(p, 0, 1) #-
    p.data.mul_(1.0) #+
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for epoch in range(8):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); optimizer.step()
    print(loss.item())
""",
    ),
    "validation_rises": (
        "overfitting",
        """IMPORTS
X = torch.randn(400, 40); y = X[:, 0] + 1.5 * torch.randn(400)
train, val = DataLoader(TensorDataset(X[:50], y[:50]), 25, shuffle=True), DataLoader(TensorDataset(X[200:], y[200:]), 50)
model = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 1))
opt = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=0.0)
for epoch in range(80): #-
for epoch in range(3): #+
    model.train()
    for xb, yb in train:
        opt.zero_grad(); loss = F.mse_loss(model(xb).squeeze(1), yb); loss.backward(); opt.step()
    model.eval()
    with torch.no_grad():
        v = np.mean([F.mse_loss(model(xb).squeeze(1), yb).item() for xb, yb in val])
    print(loss.item(), v)
""",
    ),
}

SOUND = {
    "digits_raw_sixteen": """IMAGES
X = ((X + 1) * 5).clamp(0, 16).round()
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)); opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "wide_relu_adam_bold": CLASSIFY
    + """
net = Classifier(256); opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(15):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "policy_value_two_heads_one_linear": """IMPORTS
trunk, pi, v = nn.Linear(6, 32), nn.Linear(32, 3), nn.Linear(32, 1)
opt = torch.optim.Adam([*trunk.parameters(), *pi.parameters(), *v.parameters()], lr=3e-3)
for it in range(120):
    s = torch.randn(64, 6); h = torch.tanh(trunk(s)); d = torch.distributions.Categorical(logits=pi(h)); a = d.sample()
    r = (a == s[:, :3].argmax(1)).float(); adv = r - v(h).squeeze(1)
    loss = -(d.log_prob(a) * adv.detach()).mean() + adv.pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
print(r.mean().item())
""",
    "sum_loss_adam": """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1)); opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = nn.MSELoss(reduction="sum")(model(xb).squeeze(1), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "validation_loss_without_no_grad_bn_free": CLASSIFY
    + """
net = Classifier(); opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, [6, 9], gamma=0.1)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); opt.step()
    val = F.cross_entropy(net(Xva), yva).item(); sched.step()
print(val)
""",
    "word_model_sgd_twenty": """IMPORTS
text = torch.randint(0, 20, (40,)).repeat(30)
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.d, self.r, self.o = nn.Embedding(20, 24), nn.Dropout(0.1), nn.LSTM(24, 48), nn.Linear(48, 20)
    def forward(self, x, h):
        o, h = self.r(self.d(self.e(x)), h)
        return self.o(self.d(o)), h
m = LM(); lr = 5.0
for epoch in range(3):
    h = (torch.zeros(1, 4, 48), torch.zeros(1, 4, 48)); data = text.view(4, -1).t()
    m.train()
    for i in range(0, 280, 10):
        h = tuple(v.detach() for v in h)
        out, h = m(data[i:i + 10], h)
        loss = F.cross_entropy(out.view(-1, 20), data[i + 1:i + 11].reshape(-1))
        m.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(m.parameters(), 0.25)
        for p in m.parameters(): p.data.add_(p.grad, alpha=-lr)
    print(epoch, loss.item())
""",
    "batchnorm_statistics_frozen": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(6):
    model.train()
    if epoch >= 2:
        model[1].eval()
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); optimizer.step()
print(loss.item())
""",
    "warmup_then_cosine": CLASSIFY
    + """
net = Classifier(); optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
S = torch.optim.lr_scheduler
sched = S.SequentialLR(optimizer, [S.LinearLR(optimizer, 0.1, total_iters=20), S.CosineAnnealingLR(optimizer, T_max=100)], milestones=[20])
for it in range(120):
    b = torch.randint(0, 512, (64,))
    optimizer.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); optimizer.step(); sched.step()
print(loss.item())
""",
    "evaluated_without_no_grad": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(8):
    model.train()
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        optimizer.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); optimizer.step()
    model.eval()
    print(F.cross_entropy(model(Xva), yva).item())
""",
    "ppo": """IMPORTS
pi, v = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2)), nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam([*pi.parameters(), *v.parameters()], lr=3e-4)
for it in range(15):
    s = torch.randn(128, 4)
    with torch.no_grad():
        d = torch.distributions.Categorical(logits=pi(s)); a = d.sample(); old = d.log_prob(a)
        r = (a == (s[:, 0] > 0)).float(); adv = r - v(s).squeeze(1)
    for k in range(4):
        for b in torch.randperm(128).split(32):
            d = torch.distributions.Categorical(logits=pi(s[b])); ratio = (d.log_prob(a[b]) - old[b]).exp()
            loss = -torch.min(ratio * adv[b], ratio.clamp(0.8, 1.2) * adv[b]).mean() + 0.5 * F.mse_loss(v(s[b]).squeeze(1), r[b]) - 0.01 * d.entropy().mean()
            opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_([*pi.parameters(), *v.parameters()], 0.5); opt.step()
print(r.mean().item())
""",
    "gradient_checkpointing": """BLOBS
from torch.utils.checkpoint import checkpoint
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.mid, self.b = nn.Linear(20, 32), nn.Sequential(nn.ReLU(), nn.Linear(32, 32), nn.Dropout(0.1), nn.ReLU()), nn.Linear(32, 4)
    def forward(self, x):
        return self.b(checkpoint(self.mid, self.a(x), use_reentrant=True))
net = Net(); opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(8):
    net.train()
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); opt.step()
    net.eval()
    with torch.no_grad(): val = F.cross_entropy(net(Xva), yva)
print(val.item())
""",
    "compiled": CLASSIFY
    + """
net = torch.compile(Classifier(), backend="eager"); opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(60):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); opt.step()
print(loss.item())
""",
    "triplet": """BLOBS
enc = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 8)); opt = torch.optim.Adam(enc.parameters(), lr=1e-3)
for it in range(120):
    c = torch.randint(0, 4, (32,)); o = (c + torch.randint(1, 4, (32,))) % 4
    pick = lambda k: torch.stack([Xtr[ytr == int(i)][torch.randint(0, 50, (1,))[0]] for i in k])
    loss = F.triplet_margin_loss(enc(pick(c)), enc(pick(c)), enc(pick(o)))
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "two_optimizers_one_backward": CLASSIFY
    + """
net = Classifier(); o1 = torch.optim.SGD(net.layers.parameters(), lr=0.05); o2 = torch.optim.Adam(net.head.parameters(), lr=3e-3)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    o1.zero_grad(); o2.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); o1.step(); o2.step()
print(loss.item())
""",
    "diffusion_like": """IMAGES
net = nn.Sequential(nn.Linear(65, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64)); opt = torch.optim.Adam(net.parameters(), lr=2e-3)
flat = X.flatten(1)
for it in range(200):
    x0 = flat[torch.randint(0, 320, (64,))]; t = torch.rand(64, 1); noise = torch.randn_like(x0)
    xt = (1 - t) * x0 + t * noise
    loss = F.mse_loss(net(torch.cat([xt, t], 1)), noise)
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "weak_signal": """IMPORTS
X = torch.randn(4000, 10); y = (torch.rand(4000) < torch.sigmoid(0.45 * X[:, 0])).float()
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1)); opt = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(4):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = F.binary_cross_entropy_with_logits(model(xb).squeeze(1), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "cyclic_rate": CLASSIFY
    + """
net = Classifier(); opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
sched = torch.optim.lr_scheduler.CyclicLR(opt, 0.01, 0.1, step_size_up=15)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); opt.step(); sched.step()
print(loss.item())
""",
    "lora": CLASSIFY
    + """
net = Classifier()
for p in net.parameters(): p.requires_grad_(False)
A, B = nn.Linear(20, 4, bias=False), nn.Linear(4, 4, bias=False)
nn.init.zeros_(B.weight)
opt = torch.optim.Adam([*A.parameters(), *B.parameters()], lr=1e-2)
for it in range(150):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(net(Xtr[b]) + B(A(Xtr[b])), ytr[b]); loss.backward(); opt.step()
print(loss.item())
""",
    "linear_regression_zero_init": """LINE
model = nn.Linear(8, 1)
nn.init.zeros_(model.weight); nn.init.zeros_(model.bias)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for it in range(100):
    opt.zero_grad(); loss = F.mse_loss(model(X).squeeze(1), y); loss.backward(); opt.step()
print(loss.item())
""",
    "softmax_regression_zero_init": """BLOBS
W, b0 = torch.zeros(20, 4, requires_grad=True), torch.zeros(4, requires_grad=True)
opt = torch.optim.SGD([W, b0], lr=0.1)
for it in range(100):
    opt.zero_grad(); loss = -F.log_softmax(Xtr @ W + b0, 1).gather(1, ytr[:, None]).mean(); loss.backward(); opt.step()
print(loss.item())
""",
    "ema_teacher": """BLOBS
import copy
net = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4)); ema = copy.deepcopy(net)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    with torch.no_grad(): t = ema(Xtr[b] + 0.1 * torch.randn(64, 20)).softmax(1)
    out = net(Xtr[b])
    loss = F.cross_entropy(out, ytr[b]) + 0.5 * F.mse_loss(out.softmax(1), t)
    opt.zero_grad(); loss.backward(); opt.step()
    with torch.no_grad():
        for p, q in zip(ema.parameters(), net.parameters()): p.lerp_(q, 0.05)
print(loss.item())
""",
    "simsiam": """BLOBS
f = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16)); h = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 16))
opt = torch.optim.SGD([*f.parameters(), *h.parameters()], lr=0.05, momentum=0.9)
for it in range(100):
    x = Xtr[torch.randint(0, 512, (64,))]
    z1, z2 = f(x + 0.2 * torch.randn_like(x)), f(x + 0.2 * torch.randn_like(x))
    loss = -(F.cosine_similarity(h(z1), z2.detach()).mean() + F.cosine_similarity(h(z2), z1.detach()).mean()) / 2
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "optimizer_in_backward": CLASSIFY
    + """
net = Classifier()
opts = {p: torch.optim.SGD([p], lr=0.1) for p in net.parameters()}
def hook(p):
    opts[p].step(); opts[p].zero_grad()
for p in net.parameters(): p.register_post_accumulate_grad_hook(hook)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward()
print(loss.item())
""",
    "text_classifier_padding": """IMPORTS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.r, self.o = nn.Embedding(30, 16, padding_idx=0), nn.LSTM(16, 24, batch_first=True, bidirectional=True), nn.Linear(48, 3)
    def forward(self, x):
        return self.o(self.r(self.e(x))[0].mean(1))
x = torch.randint(1, 30, (300, 12)); t = torch.randint(0, 3, (300,)); x[torch.arange(300), torch.randint(0, 12, (300,))] = t + 1
x[:, 9:] = 0
net = Net(); opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for xb, yb in DataLoader(TensorDataset(x, t), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "sparse_embedding_two_optimizers": """IMPORTS
e, o = nn.Embedding(50, 16, sparse=True), nn.Linear(16, 5)
o1, o2 = torch.optim.SparseAdam(e.parameters(), lr=1e-2), torch.optim.Adam(o.parameters(), lr=1e-2)
x = torch.randint(0, 50, (400, 4)); t = x[:, 0] % 5
for epoch in range(10):
    for b in torch.randperm(400).split(50):
        o1.zero_grad(); o2.zero_grad(); loss = F.cross_entropy(o(e(x[b]).mean(1)), t[b]); loss.backward(); o1.step(); o2.step()
print(loss.item())
""",
    "tasks_one_after_the_other": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4)); opt = torch.optim.SGD(model.parameters(), lr=0.05)
for task in ((0, 1), (2, 3)):
    rows = torch.where((ytr == task[0]) | (ytr == task[1]))[0]
    for epoch in range(6):
        for b in rows[torch.randperm(len(rows))].split(32):
            opt.zero_grad(); loss = F.cross_entropy(model(Xtr[b]), ytr[b]); loss.backward(); opt.step()
    with torch.no_grad(): print(F.cross_entropy(model(Xva), yva).item())
""",
    "search_over_rates": CLASSIFY
    + """
for lr in (1e-6, 1e-3, 1e-1, 30.0):
    torch.manual_seed(0); net = Classifier(); opt = torch.optim.SGD(net.parameters(), lr=lr)
    for it in range(80):
        b = torch.randint(0, 512, (64,))
        opt.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); opt.step()
    print(lr, loss.item())
""",
    "feature_extractor_in_eval": """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.fc = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 32), nn.ReLU()), nn.Linear(32, 4)
    def forward(self, x): return self.fc(self.body(x))
net = Net(); net.body.requires_grad_(False); net.eval()
opt = torch.optim.Adam(net.fc.parameters(), lr=1e-2)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), 64, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(net(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "soft_margin": """TWO
model = nn.Linear(10, 1); opt = torch.optim.SGD(model.parameters(), lr=0.1)
for it in range(100):
    opt.zero_grad(); loss = nn.SoftMarginLoss()(model(X).squeeze(1), 2 * y - 1); loss.backward(); opt.step()
print(loss.item())
""",
    "svm_hinge": """TWO
w, b = torch.zeros(10, requires_grad=True), torch.zeros(1, requires_grad=True); t = 2 * y - 1; opt = torch.optim.SGD([w, b], lr=0.1)
for it in range(100):
    i = torch.randint(0, 512, (32,)); opt.zero_grad(); loss = (1 - t[i] * (X[i] @ w + b)).clamp(min=0).mean() + 0.01 * w.pow(2).sum(); loss.backward(); opt.step()
print(loss.item())
""",
    "evaluation_alone": CLASSIFY
    + """
net = Classifier(); net.eval()
with torch.no_grad():
    for xb, yb in zip(Xva.split(32), yva.split(32)): print(F.cross_entropy(net(xb), yb).item())
""",
    "matrix_factorization": """IMPORTS
U, V = nn.Embedding(40, 8), nn.Embedding(30, 8); nn.init.normal_(U.weight, 0, 0.1); nn.init.normal_(V.weight, 0, 0.1)
u, v = torch.randint(0, 40, (800,)), torch.randint(0, 30, (800,)); r = torch.sin(u.float()) * torch.cos(v.float())
opt = torch.optim.Adam([*U.parameters(), *V.parameters()], lr=2e-2, weight_decay=1e-5)
for epoch in range(12):
    for b in torch.randperm(800).split(80):
        opt.zero_grad(); loss = F.mse_loss((U(u[b]) * V(v[b])).sum(1), r[b]); loss.backward(); opt.step()
print(loss.item())
""",
}
