"""PyTorch on the CPU, measured as `measure.ts` measures the other sides: a job as argument, the result in a file.

`npm run bench` starts it where PYTHON (or python3) has PyTorch. By hand: npm run bench -- --case ssd300-train --side pytorch
The network is the graph that all sides build, written down by driver/prepare.ts; so are parameters, batch and targets.
"""

import ctypes
import json
import platform
import struct
import sys
import time

started = time.perf_counter()
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

IMPORT_MS = 1000 * (time.perf_counter() - started)

# As packages/cli/src/commands/bench/training-step.ts: hardly anything changes, so that numbers stay finite.
LEARNING_RATE = 1e-6


def read(path, dtype):
    with open(path, "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=dtype)


def read_safetensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    arrays = {}
    for name, about in header.items():
        start, end = about["data_offsets"]
        arrays[name] = data[start // 4 : end // 4].reshape(about["shape"]).clone()
    return arrays


def activated(h, act):
    if act == "relu":
        return F.relu(h)
    return F.relu6(h) if act == "relu6" else h


def padded(h, pad, value):
    """A padding that is the same on all sides is left to the operation itself."""
    top, bottom, left, right = pad
    if top == bottom == left == right:
        return h, top
    return F.pad(h, (left, right, top, bottom), value=value), 0


class Network:
    """Runs a graph of benchmarks/models; activations are stored channels last."""

    def __init__(self, graph, params):
        self.graph = graph
        self.params = {}
        for name, values in params.items():
            if values.dim() == 4:
                values = values.to(memory_format=torch.channels_last)
            self.params[name] = torch.nn.Parameter(values)

    def __call__(self, x):
        values = {"x": x}
        for node in self.graph["nodes"]:
            inputs = [values[name] for name in node["inputs"]]
            values[node["name"]] = self.run(node, inputs)
        return [values[name] for name in self.graph["outputs"]]

    def run(self, node, inputs):
        op, h = node["op"], inputs[0]
        if op == "conv":
            h, pad = padded(h, node["pad"], 0)
            weight, bias = self.params[node["W"]], self.params[node["b"]]
            y = F.conv2d(h, weight, bias, node["stride"], pad, node["dilate"], node["groups"])
            return activated(y, node["act"])
        if op == "maxpool":
            h, pad = padded(h, node["pad"], float("-inf"))
            return F.max_pool2d(h, node["ksize"], node["stride"], pad)
        if op == "l2norm":
            length = torch.sqrt(torch.sum(h * h, 1, keepdim=True))
            return h / (length + 1e-5) * self.params[node["scale"]].reshape(1, -1, 1, 1)
        if op == "add":
            return inputs[0] + inputs[1]
        if op == "dense":
            y = F.linear(h.contiguous().flatten(1), self.params[node["W"]], self.params[node["b"]])
            return activated(y, node["act"])
        if op == "softmax":
            return F.softmax(h, -1)
        if op == "boxes":
            rows = [one.permute(0, 2, 3, 1).reshape(one.shape[0], -1, node["values"]) for one in inputs]
            return torch.cat(rows, 1)
        raise ValueError(f"no operation {op}")


def multibox_loss(locs, confs, gt_locs, gt_labels):
    """The loss of an SSD: of background the three boxes with the highest loss count for each object's box."""
    positive = gt_labels > 0
    n = positive.sum().clamp(min=1)
    loc = F.smooth_l1_loss(locs[positive], gt_locs[positive], reduction="sum") / n
    entropy = F.cross_entropy(confs.flatten(0, 1), gt_labels.flatten(), reduction="none").reshape(gt_labels.shape)
    with torch.no_grad():
        ranked = torch.where(positive, torch.full_like(entropy, -1), entropy).argsort(1, descending=True)
        ranks = ranked.argsort(1)
        negative = ranks < 3 * positive.sum(1, keepdim=True)
    conf = torch.where(positive | negative, entropy, torch.zeros_like(entropy)).sum() / n
    return loc + conf


def trainer(network, x, targets):
    """A step of momentum SGD: biases learn twice as fast, everything else decays."""
    biases = [p for name, p in network.params.items() if name.endswith("/b")]
    others = [p for name, p in network.params.items() if not name.endswith("/b")]
    optimizer = torch.optim.SGD(
        [
            {"params": biases, "lr": 2 * LEARNING_RATE},
            {"params": others, "weight_decay": 0.0005},
        ],
        lr=LEARNING_RATE,
        momentum=0.9,
    )

    def step():
        optimizer.zero_grad()
        loss = multibox_loss(*network(x), *targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def repeat(fn, job):
    def timed():
        start = time.perf_counter()
        fn()
        return 1000 * (time.perf_counter() - start)

    first = timed()
    for _ in range(1, job["warmup"]):
        fn()
    runs = []
    cpu = time.process_time()
    end = time.perf_counter() + job["seconds"]
    while len(runs) < job["minRuns"] or (time.perf_counter() < end and len(runs) < 200):
        runs.append(timed())
    return {"firstMs": first, "runs": runs, "cpuMs": 1000 * (time.process_time() - cpu) / len(runs)}


def peak_bytes():
    try:
        with open("/proc/self/status") as file:
            (line,) = [line for line in file if line.startswith("VmHWM:")]
        return 1024 * int(line.split()[1])
    except OSError:
        return None


def main():
    job = json.loads(sys.argv[1])
    files, name, batch = job["files"], job["model"], job["batch"]
    torch.set_num_threads(job["threads"])
    start = time.perf_counter()
    with open(f"{files}{name}.graph.json") as file:
        graph = json.load(file)
    network = Network(graph, read_safetensors(f"{files}{name}.safetensors"))
    load_ms = 1000 * (time.perf_counter() - start)
    h, w, c = graph["input"]
    # Its numbers have channels last, and so they stay: this is a view.
    x = read(f"{files}{name}.batch{batch}.f32", torch.float32).reshape(batch, h, w, c).permute(0, 3, 1, 2)
    tasks, outputs, losses = {}, [], []
    for task in job["tasks"]:
        if task == "forward":

            def forward():
                with torch.inference_mode():
                    results = [one.contiguous() for one in network(x)]
                if not outputs:
                    outputs.extend(results)

            tasks["forward"] = repeat(forward, job)
        elif task == "train":
            locs = read(f"{files}{name}.locs.f32", torch.float32).reshape(1, -1, 4).repeat(batch, 1, 1)
            labels = read(f"{files}{name}.labels.i32", torch.int32).reshape(1, -1).repeat(batch, 1).long()
            step = trainer(network, x, (locs, labels))
            tasks["train"] = repeat(lambda: losses.append(step()), job)
        else:
            raise ValueError(f"pytorch has no {task}")
    for i, one in enumerate(outputs):
        with open(f"{job['result']}.{i}", "wb") as file:
            file.write(ctypes.string_at(one.data_ptr(), one.nbytes))
    result = {
        "info": f"oneDNN, channels last, {torch.get_num_threads()} thread(s)",
        "code": f"native, {torch.backends.cpu.get_cpu_capability().replace('AVX512', 'AVX-512')}",
        "importMs": IMPORT_MS,
        "loadMs": load_ms,
        "tasks": tasks,
        "engine": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
    }
    peak = peak_bytes()
    if peak is not None:
        result["peakBytes"] = peak
    if losses:
        result["losses"] = losses
    with open(job["result"], "w") as file:
        json.dump(result, file)


main()
