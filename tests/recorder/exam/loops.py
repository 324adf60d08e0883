"""Pairs on clipping, scaling, schedules and modes."""

STEP = """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
"""

CASES = {
    "clip_after_step": (
        "clip_has_no_effect",
        """SERIES
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 16, batch_first=True)
        self.out = nn.Linear(16, 1)
    def forward(self, x):
        o, _ = self.rnn(x)
        return self.out(o[:, -1])
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for it in range(120):
    b = torch.randint(0, 256, (32,))
    loss = F.mse_loss(net(X[b]), y[b])
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5) #+
    opt.step()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5) #-
print(loss.item())
""",
    ),
    "clip_before_backward": (
        "clip_has_no_effect",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    nn.utils.clip_grad_norm_(model.parameters(), 1.0) #-
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0) #+
    opt.step()
print(loss.item())
""",
    ),
    "clip_value_after_step": (
        "clip_has_no_effect",
        STEP
        + """
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    F.cross_entropy(model(Xtr[b]), ytr[b]).backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.5) #+
    opt.step()
    nn.utils.clip_grad_value_(model.parameters(), 0.5) #-
print(float(F.cross_entropy(model(Xva), yva)))
""",
    ),
    "clip_before_unscale": (
        "clipped_before_unscale",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    scaler.scale(loss).backward()
    scaler.unscale_(opt) #+
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
print(loss.item())
""",
    ),
    "clip_in_every_micro_batch": (
        "clipped_while_accumulating",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.2)
for it in range(60):
    opt.zero_grad()
    for micro in range(4):
        b = torch.randint(0, 512, (16,))
        loss = F.cross_entropy(model(Xtr[b]), ytr[b]) / 4
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.3) #-
    nn.utils.clip_grad_norm_(model.parameters(), 0.3) #+
    opt.step()
print(loss.item())
""",
    ),
    "clip_far_too_tight": (
        "gradients_always_clipped learning_rate_too_low",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(12):
    perm = torch.randperm(512)
    for i in range(0, 512, 64):
        b = perm[i:i + 64]
        opt.zero_grad()
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.001) #-
        nn.utils.clip_grad_norm_(model.parameters(), 5.0) #+
        opt.step()
    print(epoch, loss.item())
""",
    ),
    "one_cycle_per_epoch": (
        "schedule_unfinished",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=32, shuffle=True)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, epochs=10, steps_per_epoch=len(loader))
for epoch in range(10):
    for xb, yb in loader:
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
        sched.step() #+
    sched.step() #-
    print(epoch, loss.item(), sched.get_last_lr()) if epoch < 9 else None
""",
    ),
    "warmup_outlasts": (
        "schedule_unfinished",
        STEP
        + """
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
warm = 1000 #-
warm = 10 #+
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / warm))
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    loss.backward()
    opt.step()
    sched.step()
print(loss.item())
""",
    ),
    "cosine_per_batch": (
        "schedule_repeats",
        STEP
        + """
epochs = 10
opt = torch.optim.SGD(model.parameters(), lr=0.1)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs)
for epoch in range(epochs):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
        sched.step() #-
    sched.step() #+
print(loss.item(), sched.get_last_lr())
""",
    ),
    "exponential_per_batch": (
        "schedule_repeats",
        STEP
        + """
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.9)
for epoch in range(15):
    perm = torch.randperm(512)
    for i in range(0, 512, 32):
        b = perm[i:i + 32]
        opt.zero_grad()
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
        sched.step() #-
    sched.step() #+
print(loss.item())
""",
    ),
    "step_lr_per_batch": (
        "schedule_repeats",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=5, gamma=0.1)
for epoch in range(15):
    perm = torch.randperm(512)
    for i in range(0, 512, 32):
        b = perm[i:i + 32]
        opt.zero_grad()
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
        sched.step() #-
    sched.step() #+
print(loss.item())
""",
    ),
    "plateau_fed_batches": (
        "plateau_on_training_batches",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.05)
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=3, factor=0.5)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=32, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
        sched.step(loss) #-
    with torch.no_grad():
        val = F.cross_entropy(model(Xva), yva)
    sched.step(val) #+
print(val.item())
""",
    ),
    "plateau_wrong_mode": (
        "plateau_on_training_batches",
        STEP
        + """
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode="min", patience=1) #-
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode="max", patience=1) #+
for epoch in range(20):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=128, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
    with torch.no_grad():
        accuracy = (model(Xva).argmax(1) == yva).float().mean().item()
    sched.step(accuracy)
print(accuracy)
""",
    ),
    "scheduler_first": (
        "scheduler_before_optimizer",
        STEP
        + """
opt = torch.optim.SGD(model.parameters(), lr=0.1)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=3, gamma=0.5)
for epoch in range(9):
    sched.step() #-
    perm = torch.randperm(512)
    for i in range(0, 512, 64):
        b = perm[i:i + 64]
        opt.zero_grad()
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
    sched.step() #+
print(loss.item())
""",
    ),
    "train_forgotten_after_eval": (
        "batchnorm_in_eval_mode dropout_off_in_training",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
model.train() #-
for epoch in range(10):
    model.train() #+
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        val = F.cross_entropy(model(Xva), yva)
print(val.item())
""",
    ),
    "trained_in_eval": (
        "batchnorm_in_eval_mode",
        """IMAGES
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
model.eval() #-
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(8):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        loss = F.cross_entropy(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "dropout_off": (
        "dropout_off_in_training",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.drop = nn.Linear(20, 64), nn.Linear(64, 4), nn.Dropout(0.5)
    def forward(self, x):
        return self.b(self.drop(F.relu(self.a(x))))
net = Net()
net.eval() #-
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(150):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(net(Xtr[b]), ytr[b])
    loss.backward()
    opt.step()
net.eval()
print(loss.item())
""",
    ),
    "validated_in_train_mode": (
        "validation_in_train_mode",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
    model.eval() #+
    with torch.no_grad():
        val = sum(F.cross_entropy(model(xb), yb).item() for xb, yb in zip(Xva.split(64), yva.split(64)))
    model.train() #+
print(val)
""",
    ),
    "tested_in_train_mode": (
        "validation_in_train_mode",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.drop = nn.Linear(20, 64), nn.Linear(64, 4), nn.Dropout(0.5)
    def forward(self, x):
        return self.b(self.drop(F.relu(self.a(x))))
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(150):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    F.cross_entropy(net(Xtr[b]), ytr[b]).backward()
    opt.step()
net.eval() #+
with torch.no_grad():
    print((net(Xva).argmax(1) == yva).float().mean().item())
""",
    ),
    "batchnorm_on_two_rows": (
        "batchnorm_on_tiny_batches",
        """BLOBS
batch = 2 #-
batch = 32 #+
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.02)
for epoch in range(3):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=batch, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "functional_dropout_always_on": (
        "dropout_in_evaluation",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 4)
    def forward(self, x):
        x = F.relu(self.a(x))
        x = F.dropout(x, 0.5) #-
        x = F.dropout(x, 0.5, training=self.training) #+
        return self.b(x)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(8):
    net.train()
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print((net(Xva).argmax(1) == yva).float().mean().item())
""",
    ),
    "dropout_made_in_forward": (
        "dropout_in_evaluation",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 4)
        self.drop = nn.Dropout(0.5)
    def forward(self, x):
        x = nn.Dropout(0.5)(F.relu(self.a(x))) #-
        x = self.drop(F.relu(self.a(x))) #+
        return self.b(x)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(8):
    net.train()
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print((net(Xva).argmax(1) == yva).float().mean().item())
""",
    ),
}
