#!/usr/bin/env python3
"""Writes a golden file of a whole network (docs/GOLDEN.md): what `clew verify FILE` compares an adapter with.

Needs Python 3 with torch (1.13 or later, CPU) and numpy; shares no code with Clew. Computed in float64; with --float32 in PyTorch's
own float32, to learn what float32 can be expected to do.

    scripts/golden.py --model resnet --n 3 --size 75 --batch 5 --mi w --steps 2 --name held.resnet.3.5.75 > net-held-resnet-3-75-w.json
    scripts/golden.py --compare net.json net-float32.json      # the second file's errors, by the rows of `clew verify`
"""
import argparse
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F

TEMPERATURE, LR, LR_PERIOD, WEIGHT_DECAY = 1.5, 1e-3, 150, 1e-6


def hash_uniform(name, size):
    """size numbers in [-1, 1) from a name: FNV-1a, then a 32-bit mix of the element's index."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    mask = np.uint64(0xFFFFFFFF)
    x = (np.uint64(seed) + np.arange(size, dtype=np.uint64) * np.uint64(0x9E3779B9)) & mask
    x = (x ^ (x >> np.uint64(16))) * np.uint64(0x21F0AAAD) & mask
    x = (x ^ (x >> np.uint64(15))) * np.uint64(0x735A2D97) & mask
    return 2 * ((x ^ (x >> np.uint64(15))).astype(np.float64) / 2**32) - 1


def golden_values(name, shape):
    fan = math.prod(shape[1:])
    u = hash_uniform(name, math.prod(shape))
    if len(shape) == 4:
        values = u * math.sqrt(6 / fan)
    elif len(shape) == 2:
        values = u * math.sqrt(3 / fan)
    elif name.endswith("running_var"):
        values = 1 + 0.2 * u
    else:
        values = 1 + 0.1 * u if name.endswith(".weight") else 0.1 * u
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


class Net:
    """The network as one function of a state dict, whose tensors are made when they are first asked for."""

    def __init__(self, model, n, dtype):
        self.features, self.width = {"resnet": (self.resnet, 512), "mobilenet": (self.mobilenet, 1024)}[model]
        self.n, self.dtype, self.training = n, dtype, False
        self.parameters, self.statistics = {}, {}

    def parameter(self, name, *shape):
        if name not in self.parameters:
            self.parameters[name] = golden_values(name, shape).to(self.dtype).requires_grad_()
        return self.parameters[name]

    def conv(self, x, name, channels, kernel, stride=1, groups=1):
        weight = self.parameter(f"{name}.weight", channels, x.shape[1] // groups, kernel, kernel)
        return F.conv2d(x, weight, None, stride, kernel // 2, 1, groups)

    def norm(self, x, name):
        channels = x.shape[1]
        for statistic in ("running_mean", "running_var"):
            key = f"{name}.{statistic}"
            if key not in self.statistics:
                self.statistics[key] = golden_values(key, (channels,)).to(self.dtype)
        weight, bias = self.parameter(f"{name}.weight", channels), self.parameter(f"{name}.bias", channels)
        mean, variance = self.statistics[f"{name}.running_mean"], self.statistics[f"{name}.running_var"]
        return F.batch_norm(x, mean, variance, weight, bias, self.training, 0.1, 1e-5)

    def linear(self, x, name, outputs):
        weight = self.parameter(f"{name}.weight", outputs, x.shape[1])
        return F.linear(x, weight, self.parameter(f"{name}.bias", outputs))

    def resnet(self, x, name):
        """ResNet-34 (He et al. 2015)."""
        x = F.relu(self.norm(self.conv(x, f"{name}.conv1", 64, 7, 2), f"{name}.bn1"))
        x = F.max_pool2d(x, 3, 2, 1)
        for stage, blocks in enumerate((3, 4, 6, 3)):
            channels = 64 << stage
            for j in range(blocks):
                at, stride = f"{name}.layer{stage + 1}.{j}", 2 if stage > 0 and j == 0 else 1
                y = F.relu(self.norm(self.conv(x, f"{at}.conv1", channels, 3, stride), f"{at}.bn1"))
                y = self.norm(self.conv(y, f"{at}.conv2", channels, 3), f"{at}.bn2")
                if stride > 1:
                    x = self.norm(self.conv(x, f"{at}.downsample.0", channels, 1, stride), f"{at}.downsample.1")
                x = F.relu(y + x)
        return x.mean((2, 3))

    def mobilenet(self, x, name):
        """MobileNet, width 1 (Howard et al. 2017)."""
        x = F.relu(self.norm(self.conv(x, f"{name}.model.0.0", 32, 3, 2), f"{name}.model.0.1"))
        blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
        for i, (channels, stride) in enumerate(blocks, 1):
            at, inputs = f"{name}.model.{i}", x.shape[1]
            x = F.relu(self.norm(self.conv(x, f"{at}.0", inputs, 3, stride, inputs), f"{at}.1"))
            x = F.relu(self.norm(self.conv(x, f"{at}.3", channels, 1), f"{at}.4"))
        return x.mean((2, 3))

    def heads(self, x):
        """Logits z, f and l_1 ... l_n; every dropout at 0."""
        libs = [self.features(x, f"region_model{i + 1}") for i in range(self.n)]
        every = torch.cat(libs, 1)
        others = [torch.cat(libs[:i] + libs[i + 1 :], 1) for i in range(self.n)]
        local = [self.linear(rest, f"local_linear{i + 1}", 2) for i, rest in enumerate(others)]
        fused = every
        for layer, outputs in ((0, 1000), (4, 500)):
            fused = self.linear(fused, f"bottleneck.model.{layer}", outputs)
            fused = F.relu(self.norm(fused, f"bottleneck.model.{layer + 1}"))
        fused = self.linear(fused, "bottleneck.model.8", self.width)
        return self.linear(fused, "linear.1", 2), self.linear(every, "baseline_linear", 2), local


def sinkhorn(x, y):
    """Transport cost between two sets of B points, uniform marginals, eps 0.01, at most 100 iterations."""
    eps, points = 0.01, x.shape[0]
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    u, v = x.new_zeros(points), x.new_zeros(points)
    marginal = float(torch.log(torch.tensor(1 / points, dtype=torch.float32) + 1e-8))

    def exponent():
        return (-cost + u[:, None] + v[None]) / eps

    def lse(values, dim):
        return torch.log(values.exp().sum(dim) + 1e-6)

    for _ in range(100):
        before = u
        u = eps * (marginal - lse(exponent(), 1)) + u
        v = eps * (marginal - lse(exponent(), 0)) + v
        if (u - before).abs().sum().item() < 0.1:
            break
    return (exponent().exp() * cost).sum()


def divergence(teacher, student, mi):
    teacher, student = F.log_softmax(teacher.detach() / TEMPERATURE, 1), F.log_softmax(student / TEMPERATURE, 1)
    if mi == "kl":
        return (student.exp() * (student - teacher)).mean()
    return sinkhorn(teacher, student.exp())


def loss_terms(z, f, local, y, mi):
    ce = F.cross_entropy(z, y) + F.cross_entropy(f, y) + sum(F.cross_entropy(logits, y) for logits in local)
    return ce, divergence(f, z, mi), torch.exp(-sum(divergence(f, logits, mi) for logits in local))


def summary(tensor, count):
    flat = tensor.detach().double().flatten()
    return {"norm": flat.norm().item(), "head": flat[:count].tolist()}


def golden_net(options):
    dtype = torch.float32 if options.float32 else torch.float64
    n, batch, size = options.n, options.batch, options.size
    name = options.name or f"held.{options.model}.{n}.{batch}.{size}"
    net = Net(options.model, n, dtype)
    x = torch.from_numpy((2 * hash_uniform(f"{name}.x", batch * 3 * size * size)).astype(np.float32))
    x = x.reshape(batch, 3, size, size).to(dtype)
    y = torch.tensor([int(label) for label in options.labels] if options.labels else [b % 2 for b in range(batch)])

    def logits(z, f, local):
        return {"z": z.tolist(), "f": f.tolist(), "locals": [values.tolist() for values in local]}

    with torch.no_grad():
        golden_eval = logits(*net.heads(x))
    weights = torch.ones(3, dtype=dtype, requires_grad=True)
    groups = [{"params": list(net.parameters.values())}, {"params": [weights]}]
    adam = torch.optim.Adam(groups, lr=LR, weight_decay=WEIGHT_DECAY)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(adam, LR_PERIOD)
    net.training, steps = True, []
    for i in range(options.steps):
        heads = net.heads(x)
        terms = loss_terms(*heads, y, options.mi)
        total = sum(0.5 / w**2 * term + torch.log(1 + w**2) for w, term in zip(weights, terms))
        adam.zero_grad()
        total.backward()
        steps.append(dict(zip(("ce", "gil", "lil", "total"), (t.item() for t in (*terms, total)))))
        if i == 0:
            steps[0].update(
                **logits(*heads),
                grads={key: summary(p.grad, 4) for key, p in net.parameters.items()},
                awl_grad=weights.grad.tolist(),
                running={key: summary(s, 3) for key, s in net.statistics.items()},
            )
        adam.step()
        cosine.step()
    last = [*list(net.statistics)[:4], *(key for key in net.statistics if key.startswith("bottleneck"))]
    return {
        "name": name, "model": options.model, "n": n, "B": batch, "S": size, "mi": options.mi, "y": y.tolist(),
        "eval": golden_eval, "steps": steps, "awl_after": weights.tolist(),
        "running_after": {key: summary(net.statistics[key], 3) for key in last},
    }  # fmt: skip


def errors(want, got):
    """The rows of `clew verify` for one file, with another file's values."""

    def flat(heads):
        return np.concatenate([np.ravel(heads["z"]), np.ravel(heads["f"]), np.ravel(heads["locals"])])

    def relative(key, a, b):
        return abs(b[key] - a[key]) / abs(a[key])

    def summaries(a, b, least=0.0):
        keys = [key for key in a if a[key]["norm"] >= least]
        norms = sorted(relative("norm", a[key], b[key]) for key in keys)
        heads = (np.abs(np.subtract(a[key]["head"], b[key]["head"])).max() / a[key]["norm"] for key in keys)
        return norms, max(heads)

    rows = {"eval heads": np.abs(flat(want["eval"]) - flat(got["eval"])).max() / np.abs(flat(want["eval"])).max()}
    for i, (a, b) in enumerate(zip(want["steps"], got["steps"])):
        rows.update({f"step {i} {key}": relative(key, a, b) for key in ("ce", "gil", "lil", "total")})
        if i > 0:
            continue
        rows["train heads"] = np.abs(flat(a) - flat(b)).max()
        norms, heads = summaries(a["grads"], b["grads"], 1e-6)
        rows["gradient norms, worst"], rows["gradient norms, median"] = norms[-1], norms[len(norms) // 2]
        rows["gradient heads"] = heads
        rows["awl_grad"] = max(abs(p - q) / abs(p) for p, q in zip(a["awl_grad"], b["awl_grad"]))
        norms, rows["running, head"] = summaries(a["running"], b["running"])
        rows["running, norm"] = norms[-1]
    rows["awl_after"] = np.abs(np.subtract(want["awl_after"], got["awl_after"])).max()
    norms, rows["running_after, head"] = summaries(want["running_after"], got["running_after"])
    rows["running_after, norm"] = norms[-1]
    return {key: float(value) for key, value in rows.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("resnet", "mobilenet"), default="resnet")
    parser.add_argument("--n", type=int, default=2, help="local information blocks, at least 2")
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--mi", choices=("kl", "w"), default="kl")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--name", help="seeds the images; default held.MODEL.N.BATCH.SIZE")
    parser.add_argument("--labels", help="such as 0110; default 0101...")
    parser.add_argument("--float32", action="store_true", help="compute in PyTorch's float32")
    parser.add_argument("--compare", nargs=2, metavar="FILE")
    options = parser.parse_args()
    if options.compare:
        want, got = (json.load(open(path)) for path in options.compare)
        json.dump(errors(want, got), sys.stdout, indent=1)
    else:
        json.dump(golden_net(options), sys.stdout)
    print()


if __name__ == "__main__":
    main()
