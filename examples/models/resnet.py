"""resnet.ts in PyTorch."""
import torch
import torch.nn.functional as F
from torch import nn

from data import draw, fashion, steps_of


# region model
class Block(nn.Module):
    def __init__(self, start, to, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(start, to, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(to)
        self.conv2 = nn.Conv2d(to, to, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(to)
        self.shortcut = None
        if start != to:
            self.shortcut = nn.Conv2d(start, to, 1, stride, bias=False)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return F.relu(h + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(Block(16, 16), Block(16, 32, 2), Block(32, 64, 2))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        h = F.relu(self.bn(self.conv(x)))
        h = self.blocks(h)
        return self.fc(F.adaptive_avg_pool2d(h, 1).flatten(1))
# endregion model


steps = steps_of(400)
torch.manual_seed(0)
train = fashion("train", 60000)
test = fashion("test", 500)

# region training
model = ResNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9,
                            weight_decay=1e-4)

for step in range(1, steps + 1):
    x, t = draw(train, 32)
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), t)
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    right = (model(test[0]).argmax(1) == test[1]).float().mean()
print(f"{100 * right:.1f} % of the test pictures right")
# endregion training
print(sum(p.numel() for p in model.parameters()), "parameters")
