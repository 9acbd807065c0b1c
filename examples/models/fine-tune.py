"""fine-tune.ts in PyTorch."""
import torch
import torch.nn.functional as F
from torch import nn

from data import draw, fashion, steps_of


# region model
class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(32 * 7 * 7, classes)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))
# endregion model


def from5(pictures):
    return pictures[0], pictures[1] - 5


steps = steps_of(300)
torch.manual_seed(0)
clothes = fashion("train", 30000, range(5))
few = from5(fashion("train", 60, range(5, 10)))
test = from5(fashion("test", 1000, range(5, 10)))


def train(name, model, optimizer, pictures, count):
    model.train()
    for step in range(1, count + 1):
        x, t = draw(pictures, 32)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"{name} step {step}: loss {loss.item():.3f}")


@torch.no_grad()
def right(model):
    model.eval()
    share = (model(test[0]).argmax(1) == test[1]).float().mean()
    return f"{100 * share:.1f} % of the test pictures right"


# region training
first = Net(5)
train("clothes", first, torch.optim.Adam(first.parameters(), lr=1e-3), clothes, steps)
torch.save(first.state_dict(), "/tmp/clothes.pth")

model = Net(5)
state = torch.load("/tmp/clothes.pth")
body = {k: v for k, v in state.items() if not k.startswith("head.")}
print(model.load_state_dict(body, strict=False))

model.body[0].requires_grad_(False)
optimizer = torch.optim.Adam([
    {"params": [p for p in model.body.parameters() if p.requires_grad], "lr": 1e-4},
    {"params": model.head.parameters()},
], lr=1e-3)
train("others", model, optimizer, few, -(-steps // 5))
print("fine-tuned:", right(model))
# endregion training

fresh = Net(5)
train("fresh", fresh, torch.optim.Adam(fresh.parameters(), lr=1e-3), few, -(-steps // 5))
print("from nothing:", right(fresh))
print(sum(p.numel() for p in model.parameters()), "parameters")
