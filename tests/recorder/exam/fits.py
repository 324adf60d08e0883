"""Pairs on outputs, losses, shapes, labels and data."""

FIT = """
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(15):
    perm = torch.randperm(512)
    for i in range(0, 512, 64):
        b = perm[i:i + 64]
        opt.zero_grad()
"""
END = """        loss.backward()
        opt.step()
print(loss.item())
"""

CASES = {
    "softmax_then_cross_entropy": (
        "softmax_before_cross_entropy",
        """BLOBS
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 32), nn.Linear(32, 4)
    def forward(self, x):
        x = self.b(F.relu(self.a(x)))
        x = F.softmax(x, dim=1) #-
        return x
model = Net()
criterion = nn.CrossEntropyLoss()
"""
        + FIT
        + "        loss = criterion(model(X[b]), y[b])\n"
        + END,
    ),
    "softmax_layer_then_cross_entropy": (
        "softmax_before_cross_entropy",
        """IMAGES
model = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4),
    nn.Softmax(dim=-1), #-
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(xb), yb)
        loss.backward()
        optimizer.step()
print(loss.item())
""",
    ),
    "sigmoid_then_bce_with_logits": (
        "output_does_not_fit_loss",
        """TWO
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1),
    nn.Sigmoid(), #-
)
"""
        + FIT
        + "        loss = F.binary_cross_entropy_with_logits(model(X[b]).squeeze(1), y[b])\n"
        + END,
    ),
    "relu_before_cross_entropy": (
        "output_does_not_fit_loss",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4),
    nn.ReLU(), #-
)
"""
        + FIT
        + "        loss = F.cross_entropy(model(X[b]), y[b])\n"
        + END,
    ),
    "nll_of_logits": (
        "output_does_not_fit_loss",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
criterion = nn.NLLLoss()
"""
        + FIT
        + """        out = model(X[b])
        out = F.log_softmax(out, dim=1) #+
        loss = criterion(out, y[b])
"""
        + END,
    ),
    "nll_of_probabilities": (
        "output_does_not_fit_loss softmax_before_cross_entropy",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
"""
        + FIT
        + """        loss = F.nll_loss(torch.softmax(model(X[b]), dim=1), y[b]) #-
        loss = F.nll_loss(torch.log_softmax(model(X[b]), dim=1), y[b]) #+
"""
        + END,
    ),
    "log_softmax_over_batch": (
        "output_does_not_fit_loss",
        """BLOBS
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
"""
        + FIT
        + """        loss = F.nll_loss(F.log_softmax(model(X[b]), dim=0), y[b]) #-
        loss = F.nll_loss(F.log_softmax(model(X[b]), dim=1), y[b]) #+
"""
        + END,
    ),
    "softmax_over_one_unit": (
        "output_does_not_fit_loss",
        """TWO
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1),
    nn.Softmax(dim=1), #-
    nn.Sigmoid(), #+
)
"""
        + FIT
        + "        loss = F.binary_cross_entropy(model(X[b]).squeeze(1), y[b])\n"
        + END,
    ),
    "one_class_cross_entropy": (
        "output_does_not_fit_loss",
        """TWO
units = 1 #-
units = 2 #+
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, units))
labels = torch.zeros(512, dtype=torch.long) #-
labels = y.long() #+
"""
        + FIT
        + "        loss = F.cross_entropy(model(X[b]), labels[b])\n"
        + END,
    ),
    "relu_output_for_signed_targets": (
        "output_does_not_fit_loss",
        """LINE
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 32), nn.Linear(32, 1)
    def forward(self, x):
        return F.relu(self.b(F.relu(self.a(x)))) #-
        return self.b(F.relu(self.a(x))) #+
model = Net()
"""
        + FIT
        + "        loss = F.mse_loss(model(X[b]).squeeze(1), y[b])\n"
        + END,
    ),
    "sigmoid_output_for_large_targets": (
        "output_does_not_fit_loss",
        """LINE
y = 5 + 2 * y
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1),
    nn.Sigmoid(), #-
)
"""
        + FIT
        + "        loss = F.mse_loss(model(X[b]).squeeze(1), y[b])\n"
        + END,
    ),
    "mse_broadcast": (
        "shapes_broadcast",
        """LINE
import warnings
warnings.simplefilter("ignore")
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.MSELoss()
"""
        + FIT
        + """        loss = criterion(model(X[b]), y[b]) #-
        loss = criterion(model(X[b]), y[b].unsqueeze(1)) #+
"""
        + END,
    ),
    "hand_written_broadcast": (
        "shapes_broadcast",
        """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
"""
        + FIT
        + """        loss = ((model(X[b]) - y[b]) ** 2).mean() #-
        loss = ((model(X[b])[:, 0] - y[b]) ** 2).mean() #+
"""
        + END,
    ),
    "summed_mse_sgd": (
        "loss_summed_over_batch learning_rate_too_high diverged",
        """LINE
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.MSELoss(reduction="sum") #-
criterion = nn.MSELoss() #+
opt = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=128, shuffle=True):
        opt.zero_grad()
        loss = criterion(model(xb).squeeze(1), yb)
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "raw_inputs": (
        "inputs_not_normalized",
        """BLOBS
X = X * 200 + 500 #-
model = nn.Sequential(nn.Linear(20, 32), nn.Sigmoid(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(20):
    perm = torch.randperm(512)
    for i in range(0, 512, 64):
        b = perm[i:i + 64]
        loss = F.cross_entropy(model(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "raw_pixels": (
        "inputs_not_normalized",
        """IMAGES
X = ((X + 1) * 90).clamp(0, 255) #-
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True):
        loss = F.cross_entropy(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "raw_targets": (
        "inputs_not_normalized",
        """LINE
y = 250000 + 80000 * y #-
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = F.mse_loss(model(xb), yb.unsqueeze(1))
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
    "labels_from_one": (
        "degenerate_labels",
        """BLOBS
labels = y + 1 #-
labels = y #+
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(80):
    b = torch.randint(0, 640, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(X[b]), labels[b])
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "labels_all_alike": (
        "degenerate_labels",
        """BLOBS
labels = (y > 10).long() #-
labels = (y > 1).long() #+
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(100):
    b = torch.randint(0, 640, (64,))
    opt.zero_grad()
    loss = F.cross_entropy(model(X[b]), labels[b])
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "labels_minus_one_and_one": (
        "degenerate_labels output_does_not_fit_loss",
        """TWO
labels = 2 * y - 1 #-
labels = y #+
model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for it in range(150):
    opt.zero_grad()
    loss = criterion(model(X).squeeze(1), labels)
    loss.backward()
    opt.step()
print(loss.item())
""",
    ),
    "sorted_by_class": (
        "batches_not_shuffled",
        """BLOBS
order = torch.argsort(ytr)
data = TensorDataset(Xtr[order], ytr[order])
loader = DataLoader(data, batch_size=32) #-
loader = DataLoader(data, batch_size=32, shuffle=True) #+
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(6):
    for xb, yb in loader:
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
print(loss.item())
""",
    ),
}
