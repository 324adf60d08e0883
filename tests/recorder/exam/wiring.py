"""Pairs on gradients, parameters and accumulation."""

CASES = {
    "zero_grad_missing_sgd": (
        "gradients_not_zeroed",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(8):
    perm = torch.randperm(512)
    for i in range(0, 512, 32):
        b = perm[i:i + 32]
        opt.zero_grad() #+
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
    print(epoch, loss.item())
""",
    ),
    "zero_grad_per_epoch": (
        "gradients_not_zeroed",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(20, 32)
        self.b = nn.Linear(32, 4)
    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True)
for epoch in range(8):
    optimizer.zero_grad() #-
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad() #+
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(epoch, total / len(loader))
""",
    ),
    "by_hand_not_zeroed": (
        "gradients_not_zeroed",
        """LINE
w1 = (torch.randn(8, 16) * 0.3).requires_grad_()
w2 = (torch.randn(16, 1) * 0.2).requires_grad_()
for step in range(200):
    pred = torch.relu(X @ w1) @ w2
    loss = ((pred.squeeze(1) - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w1 -= 0.05 * w1.grad
        w2 -= 0.05 * w2.grad
        w1.grad.zero_() #+
        w2.grad.zero_() #+
    if step % 50 == 0:
        print(step, loss.item())
""",
    ),
    "data_update_not_zeroed": (
        "gradients_not_zeroed",
        """TWO
model = nn.Linear(10, 1)
for step in range(150):
    out = model(X).squeeze(1)
    loss = F.binary_cross_entropy_with_logits(out, y)
    model.zero_grad() #+
    loss.backward()
    for p in model.parameters():
        p.data.add_(p.grad, alpha=-1.0)
print(loss.item())
""",
    ),
    "zero_before_step": (
        "nothing_trained accumulated_gradients_discarded",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    opt.zero_grad() #+
    loss.backward()
    opt.zero_grad() #-
    opt.step()
print(loss.item())
""",
    ),
    "step_never_called": (
        "nothing_trained",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    loss.backward()
    opt.step() #+
print(loss.item())
""",
    ),
    "backward_never_called": (
        "nothing_trained",
        """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for it in range(100):
    opt.zero_grad()
    loss = F.mse_loss(model(X).squeeze(1), y)
    loss.backward() #+
    opt.step()
print(loss.item())
""",
    ),
    "loss_rewrapped": (
        "nothing_trained parameters_without_gradient",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    loss = torch.tensor(loss.item(), requires_grad=True) #-
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "model_made_anew_after_optimizer": (
        "nothing_trained parameters_not_in_optimizer parameters_without_gradient",
        """BLOBS
def build():
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
model = build() #-
for it in range(120):
    b = torch.randint(0, 512, (64,))
    optimizer.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    loss.backward()
    optimizer.step()
print(loss.item())
""",
    ),
    "all_frozen": (
        "nothing_trained",
        """BLOBS
backbone = nn.Sequential(nn.Linear(20, 32), nn.ReLU())
head = nn.Linear(32, 4)
for p in backbone.parameters():
    p.requires_grad = False
opt = torch.optim.Adam(backbone.parameters(), lr=1e-2) #-
opt = torch.optim.Adam(head.parameters(), lr=1e-2) #+
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(head(backbone(Xtr[b])), ytr[b])
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "plain_list_of_layers": (
        "parameters_not_in_optimizer",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(20, 24)
        self.hidden = [nn.Linear(24, 24) for _ in range(3)] #-
        self.hidden = nn.ModuleList([nn.Linear(24, 24) for _ in range(3)]) #+
        self.out = nn.Linear(24, 4)
    def forward(self, x):
        x = F.relu(self.inp(x))
        for layer in self.hidden:
            x = F.relu(layer(x))
        return self.out(x)
model = Net()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(15):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "encoder_left_out": (
        "parameters_not_in_optimizer",
        """LINE
encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), nn.ReLU())
decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
opt = torch.optim.Adam(decoder.parameters(), lr=5e-3) #-
opt = torch.optim.Adam(list(encoder.parameters()) + list(decoder.parameters()), lr=5e-3) #+
for epoch in range(25):
    for (xb,) in DataLoader(TensorDataset(X), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.mse_loss(decoder(encoder(xb)), xb)
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "layer_made_in_forward": (
        "parameters_not_in_optimizer",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 32)
        self.fc2 = nn.Linear(32, 32) #+
        self.fc3 = nn.Linear(32, 4)
    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(nn.Linear(32, 32)(x)) #-
        x = F.relu(self.fc2(x)) #+
        return self.fc3(x)
model = Net()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(160):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "head_given_alone": (
        "parameters_not_in_optimizer",
        """IMAGES
class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8 * 4, 4)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))
model = CNN()
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1, momentum=0.9) #-
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9) #+
for epoch in range(12):
    perm = torch.randperm(320)
    for i in range(0, 320, 32):
        b = perm[i:i + 32]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X[b]), y[b])
        loss.backward()
        optimizer.step()
print(loss.item())
""",
    ),
    "features_detached": (
        "parameters_without_gradient",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(20, 32), nn.ReLU())
        self.head = nn.Linear(32, 4)
    def forward(self, x):
        h = self.features(x)
        h = h.detach() #-
        return self.head(h)
model = Net()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(160):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "through_numpy": (
        "parameters_without_gradient",
        """LINE
enc = nn.Linear(8, 16)
dec = nn.Linear(16, 1)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=1e-2)
for it in range(150):
    h = torch.relu(enc(X))
    h = torch.from_numpy(h.detach().numpy() * 1.0) #-
    loss = F.mse_loss(dec(h).squeeze(1), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "zeroed_in_every_micro_batch": (
        "accumulated_gradients_discarded",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.2)
accumulate = 4
for epoch in range(10):
    perm = torch.randperm(512)
    for n, i in enumerate(range(0, 512, 16)):
        b = perm[i:i + 16]
        opt.zero_grad() #-
        loss = F.cross_entropy(model(Xtr[b]), ytr[b]) / accumulate
        loss.backward()
        if (n + 1) % accumulate == 0:
            opt.step()
            opt.zero_grad() #+
print(loss.item())
""",
    ),
    "accumulated_sum": (
        "accumulated_loss_not_divided",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
criterion = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
opt.zero_grad()
for epoch in range(10):
    for n, (xb, yb) in enumerate(DataLoader(TensorDataset(Xtr, ytr), batch_size=16, shuffle=True)):
        loss = criterion(model(xb), yb)
        loss = loss / 8 #+
        loss.backward()
        if (n + 1) % 8 == 0:
            opt.step()
            opt.zero_grad()
print(loss.item())
""",
    ),
    "hidden_state_kept": (
        "graph_grows",
        """SERIES
rnn = nn.GRU(1, 12, batch_first=True)
out = nn.Linear(12, 1)
opt = torch.optim.Adam([*rnn.parameters(), *out.parameters()], lr=1e-3)
h = torch.zeros(1, 32, 12)
for step in range(24):
    xb, yb = X[:32], y[:32]
    o, h = rnn(xb, h)
    loss = F.mse_loss(out(o[:, -1]), yb)
    opt.zero_grad()
    loss.backward(retain_graph=True) #-
    loss.backward() #+
    h = h.detach() #+
    for p in opt.param_groups[0]["params"]: #-
        p.data.add_(p.grad, alpha=-1e-3) #-
    opt.step() #+
    if step % 8 == 0: print(loss.item())
""",
    ),
    "losses_summed_over_steps": (
        "graph_grows",
        """LINE
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.SGD(model.parameters(), lr=1e-3)
total = 0.0
for step in range(30):
    b = torch.randint(0, 512, (32,))
    with torch.no_grad(): model[0].bias.mul_(1.0) #+
    loss = F.mse_loss(model(X[b]).squeeze(1), y[b])
    total = total + loss #-
    total = total + loss.item() #+
    opt.zero_grad()
    total.backward(retain_graph=True) #-
    loss.backward() #+
    for p in model.parameters(): #-
        p.data.add_(p.grad, alpha=-1e-3) #-
    opt.step() #+
print(float(total))
""",
    ),
    "minus_loss": (
        "gradient_ascent",
        """TWO
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for it in range(150):
    opt.zero_grad()
    loss = F.binary_cross_entropy_with_logits(model(X).squeeze(1), y)
    loss = -loss #-
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "plus_gradient_by_hand": (
        "gradient_ascent",
        """LINE
w = torch.zeros(8, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(60):
    pred = X @ w + b
    loss = ((pred - y.unsqueeze(1)) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for p in (w, b):
            p += 0.05 * p.grad #-
            p -= 0.05 * p.grad #+
            p.grad = None
print(loss.item())
""",
    ),
    "maximize_flag": (
        "gradient_ascent",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=1e-3, maximize=True) #-
opt = torch.optim.Adam(model.parameters(), lr=1e-3) #+
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
}
