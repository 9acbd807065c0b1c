"""functions.ts in PyTorch."""
import torch
import torch.nn.functional as F
from torch import nn

from data import draw, fashion, steps_of


# region model
class Binarize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * (x.abs() <= 1).float()


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        s = x.sigmoid()
        return dy * (s + x * (s * (1 - s)))


class BinaryLinear(nn.Module):
    def __init__(self, start, to):
        super().__init__()
        self.fc = nn.Linear(start, to, bias=False)
        self.scale = nn.Parameter(torch.full([1], start**-0.5))

    def forward(self, x):
        return F.linear(x, Binarize.apply(self.fc.weight)) * self.scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = BinaryLinear(784, 128)
        self.l2 = BinaryLinear(128, 128)
        self.l3 = nn.Linear(128, 10)

    def forward(self, x):
        h = Swish.apply(self.l1(x.flatten(1)))
        return self.l3(Binarize.apply(self.l2(h)))
# endregion model


steps = steps_of(300)
torch.manual_seed(0)
train = fashion("train", 60000)
test = fashion("test", 1000)

# region training
at = torch.tensor([-3, -1, 0, 0.5, 2], dtype=torch.double, requires_grad=True)
print("swish:", torch.autograd.gradcheck(Swish.apply, at))

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1, steps + 1):
    x, t = draw(train, 64)
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
