"""vae.ts in PyTorch."""
import torch
import torch.nn.functional as F
from torch import nn

from data import draw, fashion, steps_of


# region model
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 200)
        self.mean = nn.Linear(200, 8)
        self.ln_var = nn.Linear(200, 8)
        self.decoder1 = nn.Linear(8, 200)
        self.decoder2 = nn.Linear(200, 784)

    def encode(self, x):
        h = F.relu(self.encoder(x))
        return self.mean(h), self.ln_var(h)

    def decode(self, z):
        return self.decoder2(F.relu(self.decoder1(z)))

    def forward(self, x):
        mean, ln_var = self.encode(x)
        z = mean + torch.exp(0.5 * ln_var) * torch.randn_like(mean)
        lost = F.binary_cross_entropy_with_logits(
            self.decode(z), x, reduction="sum")
        far = 0.5 * (mean**2 + ln_var.exp() - ln_var - 1).sum()
        return (lost + far) / len(x)
# endregion model


steps = steps_of(600)
torch.manual_seed(0)
train = fashion("train", 60000)

# region training
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(1, steps + 1):
    x, t = draw(train, 64)
    optimizer.zero_grad()
    loss = model(x.flatten(1))
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: loss {loss.item():.1f}")

with torch.no_grad():
    drawn = torch.sigmoid(model.decode(torch.randn(3, 8)))
for row in range(0, 28, 2):
    shades = drawn.reshape(3, 28, 28)[:, row].flatten()
    print("".join(" .:-=+*#%@"[min(9, int(10 * s))] for s in shades))
# endregion training
print(sum(p.numel() for p in model.parameters()), "parameters")
