"""Sound scripts that look suspicious."""

CASES = {
    "hand_written_updates": """LINE
w1 = (torch.randn(8, 16) * 0.3).requires_grad_(); w2 = (torch.randn(16, 1) * 0.2).requires_grad_()
for step in range(200):
    loss = ((torch.relu(X @ w1) @ w2).squeeze(1) - y).pow(2).mean()
    g1, g2 = torch.autograd.grad(loss, [w1, w2])
    w1.data -= 0.05 * g1
    w2.data -= 0.05 * g2
print(loss.item())
""",
    "new_tensors_each_step": """LINE
w = torch.zeros(8, requires_grad=True)
for step in range(100):
    loss = ((X @ w - y) ** 2).mean()
    loss.backward()
    w = (w - 0.1 * w.grad).detach().requires_grad_()
print(loss.item())
""",
    "lbfgs": """LINE
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=10)
for it in range(12):
    def closure():
        opt.zero_grad()
        loss = F.mse_loss(model(X).squeeze(1), y)
        loss.backward()
        return loss
    loss = opt.step(closure)
    print(float(loss))
""",
    "gan": """IMPORTS
G = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Sigmoid())
og, od = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999)), torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
bce = nn.BCELoss()
for it in range(200):
    real = torch.randn(64, 2) * 0.5 + 2
    ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
    D.zero_grad()
    bce(D(real), ones).backward()
    fake = G(torch.randn(64, 4))
    bce(D(fake.detach()), zeros).backward()
    od.step()
    G.zero_grad()
    loss = bce(D(fake), ones)
    loss.backward()
    og.step()
print(loss.item())
""",
    "gan_one_function": """IMPORTS
G = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
og, od = torch.optim.RMSprop(G.parameters(), lr=5e-4), torch.optim.RMSprop(D.parameters(), lr=5e-4)
def update(opt, loss):
    opt.zero_grad()
    loss.backward()
    opt.step()
for it in range(150):
    real = torch.randn(64, 2) * 0.5 + 2
    for _ in range(2):
        fake = G(torch.randn(64, 4)).detach()
        d = D(fake).mean() - D(real).mean()
        update(od, d)
        for p in D.parameters():
            p.data.clamp_(-0.1, 0.1)
    update(og, -D(G(torch.randn(64, 4))).mean())
print(d.item())
""",
    "actor_critic": """IMPORTS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.pi, self.v = nn.Linear(3, 32), nn.Linear(32, 2), nn.Linear(32, 1)
    def forward(self, x):
        h = torch.relu(self.body(x))
        return self.pi(h), self.v(h).squeeze(-1)
net = Net(); opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for episode in range(40):
    s, logs, vals, rews = torch.randn(3), [], [], []
    for t in range(15):
        logits, v = net(s)
        dist = torch.distributions.Categorical(logits=logits)
        a = dist.sample()
        rews.append(1.0 if int(a) == int(s[0] > 0) else 0.0)
        logs.append(dist.log_prob(a)); vals.append(v)
        s = torch.randn(3)
    ret, R = [], 0.0
    for r in reversed(rews):
        R = r + 0.9 * R
        ret.insert(0, R)
    ret, vals = torch.tensor(ret), torch.stack(vals)
    adv = ret - vals.detach()
    loss = -(torch.stack(logs) * adv).mean() + F.mse_loss(vals, ret)
    opt.zero_grad(); loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    opt.step()
print(sum(rews))
""",
    "reinforce": """IMPORTS
policy = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3), nn.Softmax(dim=-1))
opt = torch.optim.Adam(policy.parameters(), lr=1e-2)
for it in range(120):
    s = torch.randn(64, 4)
    p = policy(s)
    a = torch.multinomial(p, 1)
    r = (a.squeeze(1) == s[:, :3].argmax(1)).float()
    loss = -(torch.log(p.gather(1, a)).squeeze(1) * (r - r.mean())).mean()
    opt.zero_grad(); loss.backward(); opt.step()
print(r.mean().item())
""",
    "dqn": """IMPORTS
q = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
target = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
target.load_state_dict(q.state_dict())
opt = torch.optim.Adam(q.parameters(), lr=1e-3)
for it in range(200):
    s, a, s2 = torch.randn(32, 4), torch.randint(0, 2, (32, 1)), torch.randn(32, 4)
    r = (s[:, 0] > 0).float() * 2 - 1 + a[:, 0]
    with torch.no_grad():
        t = r + 0.95 * target(s2).max(1).values
    loss = F.smooth_l1_loss(q(s).gather(1, a).squeeze(1), t)
    opt.zero_grad(); loss.backward()
    for p in q.parameters():
        p.grad.data.clamp_(-1, 1)
    opt.step()
    if it % 20 == 0:
        target.load_state_dict(q.state_dict())
print(loss.item())
""",
    "ddpg_shared_update": """IMPORTS
actor = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1), nn.Tanh())
critic = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
oa, oc = torch.optim.Adam(actor.parameters(), lr=1e-3), torch.optim.Adam(critic.parameters(), lr=1e-3)
for it in range(150):
    s, a = torch.randn(64, 3), torch.rand(64, 1) * 2 - 1
    r = -(a - s[:, :1].clamp(-1, 1)) ** 2
    for opt, loss in ((oc, None), (oa, None)):
        if opt is oc:
            loss = F.mse_loss(critic(torch.cat([s, a], 1)), r)
        else:
            loss = -critic(torch.cat([s, actor(s)], 1)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
print(loss.item())
""",
    "forward_forward": """BLOBS
class Layer(nn.Linear):
    def __init__(self, a, b):
        super().__init__(a, b)
        self.opt = torch.optim.Adam(self.parameters(), lr=3e-3)
    def forward(self, x):
        return F.relu(F.linear(x / (x.norm(2, 1, keepdim=True) + 1e-4), self.weight, self.bias))
    def fit(self, pos, neg):
        for _ in range(3):
            gp, gn = self.forward(pos).pow(2).mean(1), self.forward(neg).pow(2).mean(1)
            loss = F.softplus(torch.cat([-gp + 2, gn - 2])).mean()
            self.opt.zero_grad(); loss.backward(); self.opt.step()
        return self.forward(pos).detach(), self.forward(neg).detach()
layers = [Layer(24, 64), Layer(64, 64)]
for epoch in range(25):
    pos = torch.cat([Xtr, F.one_hot(ytr, 4).float() * 5], 1)
    neg = torch.cat([Xtr, F.one_hot((ytr + torch.randint(1, 4, ytr.shape)) % 4, 4).float() * 5], 1)
    for layer in layers:
        pos, neg = layer.fit(pos, neg)
print(pos.mean().item())
""",
    "scaler_skips_steps": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.05)
sched = torch.optim.lr_scheduler.StepLR(opt, 30, 0.5)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 127, growth_interval=20)
for it in range(150):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(Xtr[b]), ytr[b])
    scaler.scale(loss).backward()
    scaler.unscale_(opt)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
    sched.step()
print(loss.item())
""",
    "warm_restarts": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=10, T_mult=2)
for it in range(160):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(model(Xtr[b]), ytr[b]); loss.backward(); opt.step(); sched.step()
print(loss.item())
""",
    "monte_carlo_dropout": """BLOBS
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 4))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(8):
    model.train()
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
model.eval()
for m in model.modules():
    if isinstance(m, nn.Dropout):
        m.train()
with torch.no_grad():
    samples = torch.stack([model(Xva).softmax(-1) for _ in range(20)])
print(samples.std(0).mean().item())
""",
    "functional_mc_dropout": """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 4)
    def forward(self, x):
        return self.b(F.dropout(F.relu(self.a(x)), p=0.2, training=True))
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(net(Xtr[b]), ytr[b]); loss.backward(); opt.step()
net.eval()
with torch.no_grad():
    print(torch.stack([net(Xva).softmax(-1) for _ in range(30)]).var(0).mean().item())
""",
    "frozen_batchnorm": """IMAGES
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
def freeze(m):
    if isinstance(m, nn.BatchNorm2d):
        m.eval()
        for p in m.parameters():
            p.requires_grad = False
opt = torch.optim.SGD([p for p in model.parameters()], lr=0.05)
for epoch in range(8):
    model.train(); model.apply(freeze)
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "tied_weights": """IMPORTS
text = torch.arange(400) * 7 % 29
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.rnn, self.out = nn.Embedding(29, 32), nn.LSTM(32, 32, batch_first=True), nn.Linear(32, 29)
        self.out.weight = self.emb.weight
    def forward(self, x, h=None):
        o, h = self.rnn(self.emb(x), h)
        return self.out(o), h
lm = LM(); opt = torch.optim.SGD(lm.parameters(), lr=1.0)
h = None
for epoch in range(6):
    h = None
    for i in range(0, 380, 20):
        x, t = text[i:i + 20][None], text[i + 1:i + 21][None]
        if h is not None: h = tuple(v.detach() for v in h)
        out, h = lm(x, h)
        loss = F.cross_entropy(out.reshape(-1, 29), t.reshape(-1))
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(lm.parameters(), 0.25)
        opt.step()
    print(loss.item())
""",
    "transfer_frozen": """BLOBS
backbone = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1))
head = nn.Linear(64, 4)
for p in backbone.parameters():
    p.requires_grad_(False)
backbone.eval()
opt = torch.optim.Adam(head.parameters(), lr=1e-2)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(head(backbone(xb)), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "accumulation": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.2)
for epoch in range(10):
    opt.zero_grad()
    for n, (xb, yb) in enumerate(DataLoader(TensorDataset(Xtr, ytr), batch_size=16, shuffle=True)):
        (F.cross_entropy(model(xb), yb) / 4).backward()
        if (n + 1) % 4 == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step(); opt.zero_grad()
print(float(F.cross_entropy(model(Xva), yva)))
""",
    "accumulation_scaled_by_hand": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.2)
for it in range(50):
    opt.zero_grad()
    for k in range(4):
        b = torch.randint(0, 512, (16,))
        F.cross_entropy(model(Xtr[b]), ytr[b]).backward()
    for p in model.parameters():
        p.grad /= 4
    opt.step()
print(float(F.cross_entropy(model(Xva), yva)))
""",
    "swa_and_ema": """BLOBS
from torch.optim.swa_utils import AveragedModel, SWALR, update_bn
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
swa = AveragedModel(model)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
swa_sched = SWALR(opt, swa_lr=0.05)
loader = DataLoader(TensorDataset(Xtr, ytr), batch_size=64, shuffle=True)
for epoch in range(10):
    for xb, yb in loader:
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
    if epoch > 5:
        swa.update_parameters(model); swa_sched.step()
update_bn(loader, swa)
update_bn(loader, model)
swa.eval()
with torch.no_grad():
    print(F.cross_entropy(swa(Xva), yva).item())
""",
    "autoencoder_mse": """IMAGES
enc = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
dec = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64))
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=3e-3)
for epoch in range(15):
    for (xb,) in DataLoader(TensorDataset(X), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.mse_loss(dec(enc(xb)), xb.flatten(1)); loss.backward(); opt.step()
print(loss.item())
""",
    "vae": """IMAGES
X = X.clamp(0, 1)
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.m, self.s = nn.Linear(64, 32), nn.Linear(32, 4), nn.Linear(32, 4)
        self.d = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())
    def forward(self, x):
        h = F.relu(self.e(x)); m, s = self.m(h), self.s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.d(z), m, s
vae = VAE(); opt = torch.optim.Adam(vae.parameters(), lr=1e-3)
for epoch in range(10):
    for (xb,) in DataLoader(TensorDataset(X.flatten(1)), batch_size=32, shuffle=True):
        r, m, s = vae(xb)
        loss = F.binary_cross_entropy(r, xb, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "contrastive": """BLOBS
enc = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
opt = torch.optim.Adam(enc.parameters(), lr=2e-3)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    z1 = F.normalize(enc(Xtr[b] + 0.3 * torch.randn(64, 20)), dim=1)
    z2 = F.normalize(enc(Xtr[b] + 0.3 * torch.randn(64, 20)), dim=1)
    logits = z1 @ z2.T / 0.2
    loss = F.cross_entropy(logits, torch.arange(64))
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "moco": """BLOBS
import copy
q = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16))
k = copy.deepcopy(q)
for p in k.parameters(): p.requires_grad = False
queue = F.normalize(torch.randn(16, 256), dim=0)
opt = torch.optim.SGD(q.parameters(), lr=0.03, momentum=0.9)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    zq = F.normalize(q(Xtr[b] + 0.3 * torch.randn(64, 20)), dim=1)
    with torch.no_grad():
        for a, c in zip(q.parameters(), k.parameters()): c.data.mul_(0.99).add_(a.data, alpha=0.01)
        zk = F.normalize(k(Xtr[b] + 0.3 * torch.randn(64, 20)), dim=1)
    logits = torch.cat([(zq * zk).sum(1, keepdim=True), zq @ queue], 1) / 0.2
    loss = F.cross_entropy(logits, torch.zeros(64, dtype=torch.long))
    opt.zero_grad(); loss.backward(); opt.step()
    queue = torch.cat([zk.T, queue[:, :-64]], 1)
print(loss.item())
""",
    "two_losses_two_backwards": """BLOBS
body, cls, reg = nn.Sequential(nn.Linear(20, 32), nn.ReLU()), nn.Linear(32, 4), nn.Linear(32, 1)
opt = torch.optim.Adam([*body.parameters(), *cls.parameters(), *reg.parameters()], lr=3e-3)
for it in range(150):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    h = body(Xtr[b])
    l1 = F.cross_entropy(cls(h), ytr[b])
    l2 = F.mse_loss(reg(h).squeeze(1), Xtr[b].sum(1) / 5)
    l1.backward(retain_graph=True)
    l2.backward()
    opt.step()
print(l1.item(), l2.item())
""",
    "lstm_always_clipped": """SERIES
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(1, 24, batch_first=True), nn.Linear(24, 1)
    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])
net = Net(); opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for it in range(100):
    b = torch.randint(0, 256, (32,))
    loss = F.mse_loss(net(X[b]), y[b])
    opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), 1e-3); opt.step()
print(loss.item())
""",
    "lstm_language_model_just_begun": """IMPORTS
text = torch.multinomial(torch.arange(1., 21.), 64 * 41, replacement=True).view(64, 41)
emb, rnn, out = nn.Embedding(20, 16), nn.LSTM(16, 32, batch_first=True), nn.Linear(32, 20)
opt = torch.optim.Adam([*emb.parameters(), *rnn.parameters(), *out.parameters()], lr=1e-3)
for it in range(40):
    b = torch.randint(0, 64, (16,))
    x, y = text[b, :-1], text[b, 1:]
    loss = F.cross_entropy(out(rnn(emb(x))[0]).flatten(0, 1), y.flatten())
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "overfit_one_batch": """BLOBS
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
xb, yb = Xtr[:16], ytr[:16]
for it in range(150):
    loss = F.cross_entropy(model(xb), yb)
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "xor": """IMPORTS
X = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]]); y = torch.tensor([[0.], [1.], [1.], [0.]])
model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid())
opt = torch.optim.SGD(model.parameters(), lr=1.0)
for it in range(800):
    opt.zero_grad(); loss = nn.BCELoss()(model(X), y); loss.backward(); opt.step()
print(loss.item())
""",
    "curriculum": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
hard = torch.argsort((Xtr - centers[ytr]).norm(dim=1))
for epoch in range(10):
    n = 128 + epoch * 42
    pool = hard[:n][torch.randperm(min(n, 512))]
    for i in range(0, len(pool), 32):
        b = pool[i:i + 32]
        opt.zero_grad(); loss = F.cross_entropy(model(Xtr[b]), ytr[b], label_smoothing=0.1); loss.backward(); opt.step()
print(loss.item())
""",
    "k_fold": """BLOBS
for fold in range(4):
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 4))
    opt = torch.optim.Adam(model.parameters(), lr=5e-3)
    held = torch.arange(640) % 4 == fold
    for epoch in range(8):
        model.train()
        for xb, yb in DataLoader(TensorDataset(X[~held], y[~held]), batch_size=64, shuffle=True):
            opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
    model.eval()
    with torch.no_grad():
        print(fold, F.cross_entropy(model(X[held]), y[held]).item())
""",
    "adversarial_example": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(120):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(model(Xtr[b]), ytr[b]); loss.backward(); opt.step()
delta = torch.zeros(64, 20, requires_grad=True)
attack = torch.optim.SGD([delta], lr=0.5)
for it in range(20):
    attack.zero_grad(); loss = -F.cross_entropy(model(Xva[:64] + delta), yva[:64]); loss.backward(); attack.step()
    delta.data.clamp_(-0.3, 0.3)
print(loss.item())
""",
    "adversarial_training": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    x = Xtr[b].clone().requires_grad_()
    model.eval()
    g, = torch.autograd.grad(F.cross_entropy(model(x), ytr[b]), x)
    model.train()
    opt.zero_grad(); loss = F.cross_entropy(model((x + 0.1 * g.sign()).detach()), ytr[b]); loss.backward(); opt.step()
print(loss.item())
""",
    "learned_image": """IMAGES
net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
img = X[:1].clone().requires_grad_()
opt = torch.optim.Adam([img], lr=0.05)
want = net(X[1:2]).detach()
for it in range(80):
    opt.zero_grad(); loss = F.mse_loss(net(img), want); loss.backward(); opt.step()
print(loss.item())
""",
    "gradual_unfreezing": """BLOBS
body, head = nn.Sequential(nn.Linear(20, 32), nn.ReLU()), nn.Linear(32, 4)
opt = torch.optim.SGD(head.parameters(), lr=0.1)
for epoch in range(8):
    if epoch == 4:
        opt.add_param_group({"params": body.parameters(), "lr": 0.01})
    for i in range(0, 512, 64):
        h = body(Xtr[i:i + 64])
        opt.zero_grad(); loss = F.cross_entropy(head(h), ytr[i:i + 64]); loss.backward(); opt.step()
print(loss.item())
""",
    "rate_finder": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=1e-5)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=1.12)
best = 1e9
for it in range(130):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(model(Xtr[b]), ytr[b]); loss.backward(); opt.step(); sched.step()
    best = min(best, loss.item())
    if loss.item() > 4 * best: break
print(sched.get_last_lr())
""",
    "saliency_only": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
model.eval()
x = Xva[:8].clone().requires_grad_()
for k in range(8):
    model(x)[k].max().backward()
print(x.grad.abs().sum().item())
""",
    "gradient_penalty": """IMPORTS
D = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1)); G = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
od, og = torch.optim.Adam(D.parameters(), lr=1e-3), torch.optim.Adam(G.parameters(), lr=1e-3)
for it in range(100):
    real, fake = torch.randn(64, 2) + 2, G(torch.randn(64, 2)).detach()
    mix = (0.5 * real + 0.5 * fake).requires_grad_()
    g, = torch.autograd.grad(D(mix).sum(), mix, create_graph=True)
    loss = D(fake).mean() - D(real).mean() + 10 * (g.norm(2, 1) - 1).pow(2).mean()
    od.zero_grad(); loss.backward(); od.step()
    if it % 5 == 0:
        og.zero_grad(); (-D(G(torch.randn(64, 2))).mean()).backward(); og.step()
print(loss.item())
""",
    "pinn": """IMPORTS
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(150):
    x = (torch.rand(64, 1) * 3).requires_grad_()
    u = net(x)
    du = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)[0]
    loss = (du + u).pow(2).mean() + (net(torch.zeros(1, 1)) - 1).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "maml_like": """IMPORTS
net = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for it in range(60):
    opt.zero_grad()
    total = 0.0
    for task in range(4):
        a = torch.rand(1) * 2
        x = torch.rand(20, 1) * 4 - 2
        fast = dict(net.named_parameters())
        pred = torch.func.functional_call(net, fast, (x,))
        g = torch.autograd.grad(F.mse_loss(pred, a * x), list(fast.values()), create_graph=True)
        fast = {n: p - 0.01 * gi for (n, p), gi in zip(fast.items(), g)}
        total = total + F.mse_loss(torch.func.functional_call(net, fast, (x,)), a * x)
    (total / 4).backward()
    opt.step()
print(total.item())
""",
    "pseudo_labels_train_mode": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for it in range(120):
    b, u = torch.randint(0, 64, (32,)), torch.randint(64, 512, (64,))
    with torch.no_grad():
        p = model(Xtr[u]).softmax(1)
        conf, lab = p.max(1)
    mask = (conf > 0.9).float()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b]) + (F.cross_entropy(model(Xtr[u] + 0.1 * torch.randn(64, 20)), lab, reduction="none") * mask).mean()
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "tiny_transformer": """IMPORTS
class T(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.p = nn.Embedding(12, 32), nn.Parameter(torch.randn(10, 32) * 0.02)
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True), 2)
        self.o = nn.Linear(32, 12)
    def forward(self, x):
        return self.o(self.enc(self.e(x) + self.p))
m = T(); opt = torch.optim.AdamW(m.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 20))
for it in range(120):
    x = torch.randint(0, 12, (32, 10))
    loss = F.cross_entropy(m(x).transpose(1, 2), x.flip(1))
    opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(m.parameters(), 1.0); opt.step(); sched.step()
m.eval()
with torch.no_grad():
    print(F.cross_entropy(m(x).transpose(1, 2), x.flip(1)).item())
""",
    "custom_attention": """IMPORTS
class A(nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.q, self.k, self.v, self.o = (nn.Linear(a, b) for a, b in ((6, 16), (16, 16), (16, 16), (16, 16), (16, 1)))
    def forward(self, x):
        h = self.i(x)
        w = (self.q(h) @ self.k(h).transpose(1, 2) / 4).softmax(-1)
        return self.o((w @ self.v(h)).mean(1)).squeeze(1)
m = A(); opt = torch.optim.Adam(m.parameters(), lr=3e-3)
X = torch.randn(256, 5, 6); y = X[:, :, 0].max(1).values
for it in range(150):
    b = torch.randint(0, 256, (64,))
    loss = F.mse_loss(m(X[b]), y[b]); opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "sam_two_passes": """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad()
    F.cross_entropy(model(Xtr[b]), ytr[b]).backward()
    eps = {}
    with torch.no_grad():
        n = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
        for p in model.parameters():
            eps[p] = p.grad * 0.05 / (n + 1e-12); p.add_(eps[p])
    opt.zero_grad()
    loss = F.cross_entropy(model(Xtr[b]), ytr[b]); loss.backward()
    with torch.no_grad():
        for p in model.parameters(): p.sub_(eps[p])
    opt.step()
print(loss.item())
""",
    "domain_adversarial": """BLOBS
class Rev(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.view_as(x)
    @staticmethod
    def backward(ctx, g): return -0.1 * g
f, c, d = nn.Sequential(nn.Linear(20, 32), nn.ReLU()), nn.Linear(32, 4), nn.Linear(32, 2)
opt = torch.optim.SGD([*f.parameters(), *c.parameters(), *d.parameters()], lr=0.1)
for it in range(120):
    b = torch.randint(0, 512, (64,)); dom = torch.randint(0, 2, (64,))
    h = f(Xtr[b] + 0.3 * dom[:, None])
    loss = F.cross_entropy(c(h), ytr[b]) + F.cross_entropy(d(Rev.apply(h)), dom)
    opt.zero_grad(); loss.backward(); opt.step()
print(loss.item())
""",
    "early_stopping": """BLOBS
import copy
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 4))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
best, bad = 1e9, 0
for epoch in range(60):
    model.train()
    for xb, yb in DataLoader(TensorDataset(Xtr[:128], ytr[:128]), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb); loss.backward(); opt.step()
    model.eval()
    with torch.no_grad():
        val = F.cross_entropy(model(Xva), yva).item()
    if val < best: best, bad, keep = val, 0, copy.deepcopy(model.state_dict())
    else: bad += 1
    if bad >= 5: break
model.load_state_dict(keep)
print(best)
""",
    "multilabel": """BLOBS
Y = torch.stack([Xtr[:, i] > 0.8 for i in range(5)], 1).float()
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(12):
    for xb, yb in DataLoader(TensorDataset(Xtr, Y), batch_size=64, shuffle=True):
        opt.zero_grad(); loss = nn.BCEWithLogitsLoss(pos_weight=torch.full((5,), 3.0))(model(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "distillation": """BLOBS
teacher = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4)); student = nn.Linear(20, 4)
ot, os_ = torch.optim.Adam(teacher.parameters(), lr=5e-3), torch.optim.Adam(student.parameters(), lr=5e-3)
for it in range(100):
    b = torch.randint(0, 512, (64,))
    ot.zero_grad(); F.cross_entropy(teacher(Xtr[b]), ytr[b]).backward(); ot.step()
teacher.eval()
for it in range(150):
    b = torch.randint(0, 512, (64,))
    with torch.no_grad(): t = teacher(Xtr[b])
    s = student(Xtr[b])
    loss = F.kl_div(F.log_softmax(s / 2, 1), F.softmax(t / 2, 1), reduction="batchmean") * 4 + 0.5 * F.cross_entropy(s, ytr[b])
    os_.zero_grad(); loss.backward(); os_.step()
print(loss.item())
""",
    "random_data_smoke_run": """IMPORTS
model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
x, t = torch.randn(128, 32), torch.randint(0, 10, (128,))
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(x, t), batch_size=16, shuffle=True):
        opt.zero_grad(); loss = nn.CrossEntropyLoss()(model(xb), yb); loss.backward(); opt.step()
print(loss.item())
""",
    "imbalanced": """IMPORTS
X = torch.randn(600, 10); y = (X[:, 0] + 0.5 * torch.randn(600) > 1.9).long()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        opt.zero_grad(); loss = F.cross_entropy(model(xb), yb, weight=torch.tensor([1.0, 10.0])); loss.backward(); opt.step()
print(loss.item())
""",
    "fine_tuning_low_rate": """BLOBS
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(200):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(model(Xtr[b]), ytr[b]); loss.backward(); opt.step()
opt = torch.optim.SGD(model.parameters(), lr=1e-5)
for it in range(150):
    b = torch.randint(0, 512, (64,))
    opt.zero_grad(); loss = F.cross_entropy(model(Xtr[b]), ytr[b]); loss.backward(); opt.step()
print(loss.item())
""",
    "truncated_bptt": """SERIES
cell, out = nn.GRUCell(1, 16), nn.Linear(16, 1)
opt = torch.optim.Adam([*cell.parameters(), *out.parameters()], lr=5e-3)
for epoch in range(20):
    h = torch.zeros(256, 16)
    for chunk in range(4):
        loss = 0
        for k in range(4):
            i = chunk * 4 + k
            h = cell(seq[:, i], h)
            loss = loss + F.mse_loss(out(h), seq[:, i + 1])
        opt.zero_grad(); (loss / 4).backward(); opt.step()
        h = h.detach()
print(loss.item())
""",
}
