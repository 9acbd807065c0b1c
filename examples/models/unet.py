"""unet.ts in PyTorch."""
import torch
import torch.nn.functional as F
from torch import nn

from data import steps_of


# region model
class Double(nn.Module):
    def __init__(self, start, to):
        super().__init__()
        self.conv1 = nn.Conv2d(start, to, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(to)
        self.conv2 = nn.Conv2d(to, to, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(to)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = Double(1, 8)
        self.down2 = Double(8, 16)
        self.bottom = Double(16, 32)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.left2 = Double(32, 16)
        self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.left1 = Double(16, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        c1 = self.down1(x)
        c2 = self.down2(F.max_pool2d(c1, 2))
        h = self.bottom(F.max_pool2d(c2, 2))
        h = self.left2(torch.cat([self.up2(h), c2], 1))
        h = self.left1(torch.cat([self.up1(h), c1], 1))
        return self.out(h)
# endregion model


def draw(count):
    row, column = 8 + 16 * torch.rand(2, count, 1, 1)
    radius = 4 + 4 * torch.rand(count, 1, 1)
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    t = (torch.hypot(y - row, x - column) < radius).float().unsqueeze(1)
    return t + torch.randn_like(t), t


steps = steps_of(300)
torch.manual_seed(0)

# region training
model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(1, steps + 1):
    x, t = draw(16)
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(model(x), t)
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: loss {loss.item():.3f}")

x, t = draw(64)
model.eval()
with torch.no_grad():
    found = model(x) > 0
wanted = t == 1
both = (found & wanted).sum()
either = (found | wanted).sum()
print(f"intersection over union {both / either:.3f}")
# endregion training
print(sum(p.numel() for p in model.parameters()), "parameters")
