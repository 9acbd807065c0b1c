"""transformer.ts in PyTorch."""
import torch
import torch.nn.functional as F
from torch import nn

from data import steps_of

digits = 5
length = 2 * digits


# region model
class Block(nn.Module):
    def __init__(self, units, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(units)
        self.attention = nn.MultiheadAttention(units, heads, batch_first=True)
        self.ln2 = nn.LayerNorm(units)
        self.fc1 = nn.Linear(units, 4 * units)
        self.fc2 = nn.Linear(4 * units, units)

    def forward(self, x, mask):
        h = self.ln1(x)
        y = x + self.attention(h, h, h, attn_mask=mask)[0]
        h = F.gelu(self.fc1(self.ln2(y)))
        y = y + self.fc2(h)
        return y


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(11, 64)
        self.place = nn.Embedding(length, 64)
        self.blocks = nn.ModuleList([Block(64, 4), Block(64, 4)])
        self.ln = nn.LayerNorm(64)
        self.out = nn.Linear(64, 11)

    def forward(self, ids):
        steps = ids.shape[1]
        # PyTorch's mask says where nobody looks.
        mask = torch.ones(steps, steps).triu(1).bool()
        h = self.token(ids) + self.place(torch.arange(steps))
        for block in self.blocks:
            h = block(h, mask)
        return self.out(self.ln(h))
# endregion model


def draw(count):
    forth = torch.randint(10, (count, digits))
    rows = torch.cat([forth, torch.full((count, 1), 10), forth.flip(1)], 1)
    t = rows.clone()
    t[:, : digits + 1] = -100
    return rows[:, :-1], t[:, 1:]


steps = steps_of(600)
torch.manual_seed(0)

# region training
model = Transformer()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for step in range(1, steps + 1):
    ids, t = draw(64)
    optimizer.zero_grad()
    loss = F.cross_entropy(model(ids).flatten(0, 1), t.flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: loss {loss.item():.3f}")


@torch.no_grad()
def complete(row):
    ids = list(row)
    while len(ids) <= length:
        y = model(torch.tensor([ids]))
        ids.append(y[0, -1].argmax().item())
    return ids[len(row):]
# endregion training


right = 0
for i in range(20):
    row = torch.randint(10, (digits,)).tolist()
    right += complete([*row, 10]) == row[::-1]
print(right, "of 20 rows right")
print(sum(p.numel() for p in model.parameters()), "parameters")
