"""PyTorch on the CPU. Reads JSON lines: a case prepares it (`{"step": ...}` is a whole training step), `null` runs a round of it; writes that
round's milliseconds with one and with two threads."""
import json, sys, time
import torch, torch.nn as nn, torch.nn.functional as F


def timed(run, times):
    start = time.perf_counter()
    for _ in range(times):
        run()
    return 1e3 * (time.perf_counter() - start) / times


THREADS = (1, 2)


class Prepared:
    """A case that has run with each number of threads, and so is warm."""

    def __init__(self, run):
        self.run, self.times = run, {}
        for threads in THREADS:
            torch.set_num_threads(threads)
            run()
            self.times[threads] = max(1, int(50 / timed(run, 1)))

    def round(self):
        found = []
        for threads in THREADS:
            torch.set_num_threads(threads)
            self.run()  # as the others do: one run before the clock starts
            found.append(timed(self.run, self.times[threads]))
        return found


def kernel(c):
    kind = c["kind"]
    if kind == "matmul":
        a, b = torch.rand(c["n"], c["n"]), torch.rand(c["n"], c["n"])
        return lambda: a @ b
    if kind == "adam":
        p = nn.Parameter(torch.rand(c["size"])); p.grad = torch.rand(c["size"])
        return torch.optim.Adam([p], lr=1e-3).step
    if kind.startswith("norm"):
        x = torch.rand(c["n"], c["c"], c["h"], c["h"]).contiguous(memory_format=torch.channels_last).requires_grad_(kind != "norm")
        bn, dy = nn.BatchNorm2d(c["c"]), torch.rand(c["n"], c["c"], c["h"], c["h"])
        return (lambda: bn(x)) if kind == "norm" else (lambda: bn(x).backward(dy))
    groups = c["ci"] if kind == "depthwise" else c["groups"]
    channels = c["ci"] if kind == "depthwise" else c["ci"] * groups
    out = c["ci"] if kind == "depthwise" else c["co"] * groups
    x = torch.rand(c["n"], channels, c["h"], c["h"])
    w = torch.rand(out, channels // groups, c["k"], c["k"])
    args = dict(stride=c["stride"], padding=c["pad"], groups=groups)
    direction = c.get("direction", "forward")
    if direction == "forward":
        return lambda: F.conv2d(x, w, **args)
    y = F.conv2d(x, w, **args)
    mask = [direction == "data gradient", direction == "weight gradient", False]
    s, p = [c["stride"]] * 2, [c["pad"]] * 2
    return lambda: torch.ops.aten.convolution_backward(y, x, w, None, s, p, [1, 1], False, [0, 0], groups, mask)


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.a, self.b = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.na, self.nb = nn.BatchNorm2d(o), nn.BatchNorm2d(o)
        self.down = None if i == o else nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.nb(self.b(F.relu(self.na(self.a(x)))))
        return F.relu(y + (x if self.down is None else self.down(x)))


def backbone(model):
    if model == "resnet34":
        layers, i = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
        for o, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
            for k in range(count):
                layers.append(Block(i, o, 2 if k == 0 and o > 64 else 1)); i = o
        return nn.Sequential(*layers), 512
    layers, i = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()], 32
    for o, s in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]:
        layers += [nn.Conv2d(i, i, 3, s, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU(),
                   nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        i = o
    return nn.Sequential(*layers), 1024


def step(c):
    nets = nn.ModuleList(backbone(c["model"])[0] for _ in range(c["libs"]))
    d, n = backbone(c["model"])[1], c["libs"]
    base, local = nn.Linear(n * d, 2), nn.ModuleList(nn.Linear((n - 1) * d, 2) for _ in range(n))
    fusion = nn.Sequential(nn.Linear(n * d, 1000), nn.BatchNorm1d(1000), nn.ReLU(), nn.Dropout(),
                           nn.Linear(1000, 500), nn.BatchNorm1d(500), nn.ReLU(), nn.Dropout(), nn.Linear(500, d), nn.Dropout(), nn.Linear(d, 2))
    w = nn.Parameter(torch.ones(3))
    parameters = [*nets.parameters(), *base.parameters(), *local.parameters(), *fusion.parameters(), w]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, weight_decay=1e-6)
    x, y = torch.rand(c["batch"], 3, c["size"], c["size"]), torch.arange(c["batch"]) % 2

    def distance(a, b):
        q = F.log_softmax(b / 1.5, 1)
        return (q.exp() * (q - F.log_softmax(a / 1.5, 1))).mean()

    def run():
        z = [net(x).mean((2, 3)) for net in nets]
        Z = torch.cat(z, 1)
        f, out = base(Z), fusion(Z)
        l = [local[i](torch.cat(z[:i] + z[i + 1:], 1)) for i in range(n)]
        ce = F.cross_entropy(out, y) + F.cross_entropy(f, y) + sum(F.cross_entropy(v, y) for v in l)
        terms = torch.stack([ce, distance(f.detach(), out), torch.exp(-sum(distance(f.detach(), v) for v in l))])
        loss = (0.5 / w ** 2 * terms + torch.log(1 + w ** 2)).sum()
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    return run


print("ready", flush=True)
for line in sys.stdin:
    case = json.loads(line)
    if case is None:
        print(json.dumps(prepared.round()), flush=True)
    else:
        prepared = Prepared(step(case["step"]) if "step" in case else kernel(case))
        print("prepared", flush=True)
