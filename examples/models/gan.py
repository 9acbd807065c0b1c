"""gan.ts in PyTorch."""
import torch
import torch.nn.functional as F
from torch import nn

from data import draw, fashion, steps_of


# region model
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 7 * 7 * 32)
        self.bn = nn.BatchNorm2d(32)
        self.up1 = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1)

    def forward(self, z):
        h = self.fc(z).reshape(-1, 32, 7, 7)
        h = F.relu(self.bn(h))
        h = F.relu(self.up1(h))
        return torch.sigmoid(self.up2(h))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 4, stride=2, padding=1)
        self.fc = nn.Linear(7 * 7 * 32, 1)

    def forward(self, x):
        h = F.leaky_relu(self.conv1(x), 0.2)
        return self.fc(F.leaky_relu(self.conv2(h), 0.2).flatten(1))


def penalty(critic, real, fake):
    share = torch.rand(len(real), 1, 1, 1)
    between = (real * share + fake * (1 - share)).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    length = (slope.square().sum([1, 2, 3]) + 1e-12).sqrt()
    return (length - 1).square().mean()
# endregion model


steps = steps_of(300)
torch.manual_seed(0)
sneakers = fashion("train", 6000, [7])
x, _ = fashion("test", 1000, [7])


# region training
def update(gen, critic, generator, judge, sneakers):
    for _ in range(3):
        real, _ = draw(sneakers, 32)
        with torch.no_grad():
            fake = generator(torch.randn(32, 16))
        critic.zero_grad()
        distance = judge(real).mean() - judge(fake).mean()
        (-distance + 10 * penalty(judge, real, fake)).backward()
        critic.step()

    gen.zero_grad()
    (-judge(generator(torch.randn(32, 16))).mean()).backward()
    gen.step()
    return distance.item()


generator = Generator()
critic = Critic()
settings = {"lr": 1e-3, "betas": (0.5, 0.9)}
optimizers = (torch.optim.Adam(generator.parameters(), **settings),
              torch.optim.Adam(critic.parameters(), **settings))
# endregion training


def error():
    generator.eval()
    with torch.no_grad():
        drawn = generator(torch.randn(500, 16))
    generator.train()
    return (drawn.mean(0) - x.mean(0)).abs().mean()


print(f"before: the mean picture is off by {error():.3f}")
for step in range(1, steps + 1):
    distance = update(*optimizers, generator, critic, sneakers)
    if step % (steps // 10) == 0:
        print(step, f"distance {distance:.3f}")
print(f"after: the mean picture is off by {error():.3f}")
