"""Sound scripts in the shape of well-known public examples, re-written small."""

SOUND = {
    "polynomial_summed_by_hand": """IMPORTS
x = torch.linspace(-math.pi, math.pi, 2000); y = torch.sin(x)
a, b, c, d = (torch.randn((), requires_grad=True) for _ in range(4))
for t in range(600):
    y_pred = a + b * x + c * x ** 2 + d * x ** 3
    loss = (y_pred - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 1e-6 * p.grad
            p.grad = None
print(loss.item())
""",
    "polynomial_with_optimizer": """IMPORTS
x = torch.linspace(-math.pi, math.pi, 2000); y = torch.sin(x)
xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1)); loss_fn = nn.MSELoss(reduction="sum")
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for t in range(600):
    loss = loss_fn(model(xx), y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print(loss.item())
""",
    "logistic_from_scratch": """BLOBS
weights = (torch.randn(20, 4) / math.sqrt(20)).requires_grad_(); bias = torch.zeros(4, requires_grad=True)
def model(xb): return (xb @ weights + bias).log_softmax(1)
def nll(p, t): return -p[range(t.shape[0]), t].mean()
for epoch in range(3):
    for i in range(8):
        xb, yb = Xtr[i * 64:i * 64 + 64], ytr[i * 64:i * 64 + 64]
        loss = nll(model(xb), yb)
        loss.backward()
        with torch.no_grad():
            weights -= weights.grad * 0.5
            bias -= bias.grad * 0.5
            weights.grad.zero_()
            bias.grad.zero_()
print(loss.item())
""",
    "digits_like_cnn": """IMAGES
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, 1), nn.Conv2d(8, 16, 3, 1)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(64, 32), nn.Linear(32, 4)
    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = self.dropout1(F.max_pool2d(x, 2)).flatten(1)
        return F.log_softmax(self.fc2(self.dropout2(F.relu(self.fc1(x)))), dim=1)
def test(model):
    model.eval()
    loss = 0
    with torch.no_grad():
        loss += F.nll_loss(model(X[256:]), y[256:], reduction="sum").item()
    print(loss / 64)
model = Net(); optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(6):
    model.train()
    for data, target in DataLoader(TensorDataset(X[:256], y[:256]), 32, shuffle=True):
        optimizer.zero_grad(); loss = F.nll_loss(model(data), target); loss.backward(); optimizer.step()
    test(model); scheduler.step()
""",
    "sine_waves_lbfgs_double": """IMPORTS
data = torch.sin((torch.arange(40)[None] + torch.randint(-40, 40, (16, 1))) / 6.0).double()
class Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.o = nn.LSTMCell(1, 12), nn.LSTMCell(12, 12), nn.Linear(12, 1)
    def forward(self, x):
        h1 = c1 = h2 = c2 = torch.zeros(x.size(0), 12, dtype=torch.double); outs = []
        for xt in x.split(1, dim=1):
            h1, c1 = self.l1(xt, (h1, c1)); h2, c2 = self.l2(h1, (h2, c2)); outs.append(self.o(h2))
        return torch.cat(outs, 1)
seq = Seq().double(); criterion = nn.MSELoss(); optimizer = torch.optim.LBFGS(seq.parameters(), lr=0.8, max_iter=5)
for i in range(5):
    def closure():
        optimizer.zero_grad(); loss = criterion(seq(data[3:, :-1]), data[3:, 1:]); loss.backward(); return loss
    optimizer.step(closure)
    with torch.no_grad(): print(criterion(seq(data[:3, :-1]), data[:3, 1:]).item())
""",
    "names_by_characters": """IMPORTS
class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.i2h, self.h2h, self.h2o, self.soft = nn.Linear(10, 24), nn.Linear(24, 24), nn.Linear(24, 3), nn.LogSoftmax(dim=1)
    def forward(self, x, h):
        h = torch.tanh(self.i2h(x) + self.h2h(h))
        return self.soft(self.h2o(h)), h
rnn = RNN(); criterion = nn.NLLLoss()
def train(cat, line):
    h = torch.zeros(1, 24); rnn.zero_grad()
    for i in range(line.size(0)):
        out, h = rnn(line[i], h)
    loss = criterion(out, cat); loss.backward()
    for p in rnn.parameters(): p.data.add_(p.grad.data, alpha=-0.02)
    return loss.item()
total = 0
for it in range(400):
    cat = torch.randint(0, 3, (1,)); letters = torch.randint(int(cat) * 3, int(cat) * 3 + 4, (5,))
    total += train(cat, F.one_hot(letters, 10).float()[:, None])
print(total / 400)
""",
    "dcgan_small": """IMAGES
G = nn.Sequential(nn.ConvTranspose2d(8, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(True), nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False), nn.Tanh())
D = nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(16, 1, 4, 1, 0, bias=False), nn.Sigmoid())
for m in [*G, *D]:
    if "Conv" in type(m).__name__: nn.init.normal_(m.weight, 0.0, 0.02)
    elif "BatchNorm" in type(m).__name__: nn.init.normal_(m.weight, 1.0, 0.02)
criterion = nn.BCELoss(); od = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999)); og = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
for epoch in range(6):
    for (real,) in DataLoader(TensorDataset(X.clamp(-1, 1)), 32, shuffle=True):
        D.zero_grad(); label = torch.full((32,), 1.0)
        errD = criterion(D(real).view(-1), label); errD.backward()
        fake = G(torch.randn(32, 8, 1, 1)); label.fill_(0.0)
        e2 = criterion(D(fake.detach()).view(-1), label); e2.backward(); od.step()
        G.zero_grad(); label.fill_(1.0)
        errG = criterion(D(fake).view(-1), label); errG.backward(); og.step()
print(errD.item(), errG.item())
""",
    "dqn_replay": """IMPORTS
from collections import deque
policy, target = (nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2)) for _ in range(2)); target.load_state_dict(policy.state_dict())
optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3, amsgrad=True); memory = deque(maxlen=500); s = torch.randn(4)
for t in range(300):
    if random.random() > 0.1 + 0.9 * math.exp(-t / 100):
        with torch.no_grad(): a = policy(s[None]).max(1).indices
    else: a = torch.randint(0, 2, (1,))
    s2 = 0.9 * s + 0.1 * torch.randn(4); memory.append((s, a, s2, float(int(a) == int(s[0] > 0)))); s = s2 if t % 20 else torch.randn(4)
    if len(memory) >= 32:
        batch = random.sample(memory, 32); S, A, S2 = (torch.stack([b[i] for b in batch]) for i in range(3)); R = torch.tensor([b[3] for b in batch])
        q = policy(S).gather(1, A)
        with torch.no_grad(): v = target(S2).max(1).values
        loss = nn.SmoothL1Loss()(q, (R + 0.9 * v).unsqueeze(1))
        optimizer.zero_grad(); loss.backward(); nn.utils.clip_grad_value_(policy.parameters(), 100); optimizer.step()
        with torch.no_grad():
            for p, o in zip(target.parameters(), policy.parameters()): p.mul_(0.995).add_(o, alpha=0.005)
print(loss.item())
""",
    "reinforce_cartpole_like": """IMPORTS
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1, self.dropout, self.affine2 = nn.Linear(4, 32), nn.Dropout(p=0.6), nn.Linear(32, 2)
        self.saved, self.rewards = [], []
    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.dropout(self.affine1(x)))), dim=1)
policy = Policy(); optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
for episode in range(40):
    s = torch.randn(4)
    for t in range(12):
        m = torch.distributions.Categorical(policy(s[None])); a = m.sample(); policy.saved.append(m.log_prob(a)); policy.rewards.append(float(int(a) == int(s[0] > 0))); s = torch.randn(4)
    R, returns = 0, []
    for r in policy.rewards[::-1]:
        R = r + 0.99 * R; returns.insert(0, R)
    returns = torch.tensor(returns); returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    loss = torch.cat([-lp * R for lp, R in zip(policy.saved, returns)]).sum()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    print(sum(policy.rewards)); policy.saved.clear(); policy.rewards.clear()
""",
    "super_resolution_like": """IMAGES
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.c3, self.shuffle = nn.Conv2d(1, 16, 3, 1, 1), nn.Conv2d(16, 8, 3, 1, 1), nn.Conv2d(8, 4, 3, 1, 1), nn.PixelShuffle(2)
        for c, g in ((self.c1, nn.init.calculate_gain("relu")), (self.c2, nn.init.calculate_gain("relu")), (self.c3, 1)): nn.init.orthogonal_(c.weight, g)
    def forward(self, x):
        return self.shuffle(self.c3(F.relu(self.c2(F.relu(self.c1(x))))))
model = Net(); optimizer = torch.optim.Adam(model.parameters(), lr=1e-3); small = F.avg_pool2d(X, 2)
for epoch in range(6):
    for a, b in DataLoader(TensorDataset(small[:256], X[:256]), 16, shuffle=True):
        optimizer.zero_grad(); loss = nn.MSELoss()(model(a), b); loss.backward(); optimizer.step()
    with torch.no_grad(): print(nn.MSELoss()(model(small[256:]), X[256:]).item())
""",
    "graph_attention_like": """BLOBS
A = torch.eye(640)
for i in range(640): A[i, torch.where(y == y[i])[0][torch.randint(0, 100, (4,))]] = 1
class Layer(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.W, self.a = nn.Parameter(torch.empty(i, o)), nn.Parameter(torch.empty(2 * o, 1)); nn.init.xavier_uniform_(self.W, 1.414); nn.init.xavier_uniform_(self.a, 1.414)
    def forward(self, h):
        Wh = F.dropout(h, 0.3, training=self.training) @ self.W; o = Wh.shape[1]
        e = F.leaky_relu(Wh @ self.a[:o] + (Wh @ self.a[o:]).T, 0.2)
        return torch.where(A > 0, e, torch.full_like(e, -9e15)).softmax(1) @ Wh
class GAT(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2 = Layer(20, 16), Layer(16, 4)
    def forward(self, x): return F.log_softmax(self.l2(F.elu(self.l1(x))), 1)
model = GAT(); optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=5e-4)
for epoch in range(40):
    model.train(); optimizer.zero_grad(); out = model(X); loss = F.nll_loss(out[:300], y[:300]); loss.backward(); optimizer.step()
    model.eval()
    with torch.no_grad(): val = F.nll_loss(model(X)[300:], y[300:])
print(val.item())
""",
    "small_gpt": """IMPORTS
text = torch.tensor([ord(ch) % 32 for ch in "the quick brown fox jumps over the lazy dog " * 40])
class Block(nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.n1, self.n2, self.qkv, self.proj, self.h = nn.LayerNorm(d), nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d), h
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))
    def forward(self, x):
        B, T, C = x.shape; q, k, v = self.qkv(self.n1(x)).view(B, T, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C))
        return x + self.mlp(self.n2(x))
class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe, self.blocks, self.ln = nn.Embedding(32, 32), nn.Embedding(16, 32), nn.ModuleList([Block(32, 4) for _ in range(2)]), nn.LayerNorm(32)
        self.head = nn.Linear(32, 32, bias=False); self.wte.weight = self.head.weight; self.apply(self.init)
    def init(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)): nn.init.normal_(m.weight, 0, 0.02)
        if isinstance(m, nn.Linear) and m.bias is not None: nn.init.zeros_(m.bias)
    def forward(self, i, t):
        x = self.wte(i) + self.wpe(torch.arange(i.shape[1]))
        for b in self.blocks: x = b(x)
        return F.cross_entropy(self.head(self.ln(x)).view(-1, 32), t.view(-1))
m = GPT(); decay = [p for p in m.parameters() if p.dim() >= 2]; rest = [p for p in m.parameters() if p.dim() < 2]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=3e-3, betas=(0.9, 0.95))
for it in range(120):
    lr = 3e-3 * min((it + 1) / 10, 0.5 * (1 + math.cos(math.pi * it / 120)))
    for g in opt.param_groups: g["lr"] = lr
    ix = torch.randint(0, len(text) - 17, (16,)); x = torch.stack([text[i:i + 16] for i in ix]); t = torch.stack([text[i + 1:i + 17] for i in ix])
    for micro in range(2):
        (m(x[micro * 8:micro * 8 + 8], t[micro * 8:micro * 8 + 8]) / 2).backward()
    nn.utils.clip_grad_norm_(m.parameters(), 1.0); opt.step(); opt.zero_grad(set_to_none=True)
m.eval()
with torch.no_grad(): print(m(x, t).item())
""",
}
