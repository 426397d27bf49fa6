"""What a user would pick instead on one NVIDIA GPU: PyTorch, Triton and CuPy.

The ops and shapes are those of `zmlx bench --set gpu`. PyTorch runs op by op
(torch) and compiled (torch.compile); Triton kernels are written as its users
write them. Times are medians of the GPU's events, from an L2 cache without the
op's data; ops are replayed from CUDA graphs where they can be captured, so that
no peer pays for its host code. Backward passes cannot. Results are compared before anything is timed.

    python gpu.py [--size full|tiny] [--out gpu.json] [--ops REGEXP] [--rounds N]

It needs a machine that has torch; triton and cupy are used where they are.
"""

import argparse
import re
import time

import torch
import torch.nn.functional as F

from report import Report, quartiles

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None
try:
    import cupy
except ImportError:
    cupy = None

DEVICE = "cuda"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
RMS_EPS, LAYER_EPS = 1e-6, 1e-5

if triton:
    @triton.jit
    def triton_mish(X, Y, n, B: tl.constexpr):
        i = tl.program_id(0).to(tl.int64) * B + tl.arange(0, B)
        x = tl.load(X + i, mask=i < n).to(tl.float32)
        # tanh(log(1 + e)) is k / (k + 2) with k = e * (e + 2).
        e = tl.exp(tl.minimum(x, 30.0))
        k = e * (e + 2.0)
        tl.store(Y + i, x * (k / (k + 2.0)), mask=i < n)

    @triton.jit
    def triton_softmax(X, Y, D, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.arange(0, B)
        x = tl.load(X + r * D + c, mask=c < D, other=-float("inf")).to(tl.float32)
        e = tl.exp(x - tl.max(x, 0))
        tl.store(Y + r * D + c, e / tl.sum(e, 0), mask=c < D)

    @triton.jit
    def triton_rmsnorm(X, W, Y, D, eps, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.arange(0, B)
        x = tl.load(X + r * D + c, mask=c < D, other=0.0).to(tl.float32)
        w = tl.load(W + c, mask=c < D, other=0.0).to(tl.float32)
        s = 1.0 / tl.sqrt(tl.sum(x * x, 0) / D + eps)
        tl.store(Y + r * D + c, x * s * w, mask=c < D)

    @triton.jit
    def triton_layernorm(X, W, V, Y, D, eps, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.arange(0, B)
        x = tl.load(X + r * D + c, mask=c < D, other=0.0).to(tl.float32)
        d = tl.where(c < D, x - tl.sum(x, 0) / D, 0.0)
        s = 1.0 / tl.sqrt(tl.sum(d * d, 0) / D + eps)
        w = tl.load(W + c, mask=c < D, other=0.0).to(tl.float32)
        v = tl.load(V + c, mask=c < D, other=0.0).to(tl.float32)
        tl.store(Y + r * D + c, d * s * w + v, mask=c < D)

    @triton.jit
    def triton_residual(X, R, W, Y, H, D, eps, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.arange(0, B)
        h = tl.load(X + r * D + c, mask=c < D, other=0.0).to(tl.float32)
        h += tl.load(R + r * D + c, mask=c < D, other=0.0).to(tl.float32)
        w = tl.load(W + c, mask=c < D, other=0.0).to(tl.float32)
        s = 1.0 / tl.sqrt(tl.sum(h * h, 0) / D + eps)
        tl.store(Y + r * D + c, h * s * w, mask=c < D)
        tl.store(H + r * D + c, h, mask=c < D)

    @triton.jit
    def triton_swiglu(Z, Y, D, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.program_id(1) * B + tl.arange(0, B)
        a = tl.load(Z + r * 2 * D + c, mask=c < D).to(tl.float32)
        b = tl.load(Z + r * 2 * D + D + c, mask=c < D).to(tl.float32)
        tl.store(Y + r * D + c, a / (1.0 + tl.exp(-a)) * b, mask=c < D)

    @triton.jit
    def triton_sum(X, Y, D, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.arange(0, B)
        tl.store(Y + r, tl.sum(tl.load(X + r * D + c, mask=c < D, other=0.0).to(tl.float32), 0))

    @triton.jit
    def triton_dropout(X, Y, n, p, seed, B: tl.constexpr):
        i = tl.program_id(0) * B + tl.arange(0, B)
        x = tl.load(X + i, mask=i < n)
        tl.store(Y + i, tl.where(tl.rand(seed, i) < p, 0.0, x / (1 - p)), mask=i < n)

    @triton.jit
    def triton_gather_add(X, I, O, Y, D, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.arange(0, B)
        at = tl.load(I + r).to(tl.int64)
        x = tl.load(X + at * D + c, mask=c < D)
        tl.store(Y + r * D + c, x + tl.load(O + r * D + c, mask=c < D), mask=c < D)

    @triton.jit
    def triton_xent(X, T, Y, D, B: tl.constexpr):
        r = tl.program_id(0).to(tl.int64)
        c = tl.arange(0, B)
        x = tl.load(X + r * D + c, mask=c < D, other=-float("inf")).to(tl.float32)
        m = tl.max(x, 0)
        t = tl.load(T + r).to(tl.int64)
        tl.store(Y + r, m + tl.log(tl.sum(tl.exp(x - m), 0)) - tl.load(X + r * D + t).to(tl.float32))


def warps(d):
    return 4 if d <= 2048 else 8 if d <= 8192 else 16


def row_kernel(kernel, rows, *args):
    """Runs a kernel with one program for each row."""
    d = args[0].shape[-1]
    block = triton.next_power_of_2(d)

    def run(outputs, tail):
        kernel[(rows,)](*args, *outputs, *tail, block, num_warps=warps(d))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)
    return run


COMPILED = {}


def compiled(f):
    """f compiled; a function that was compiled before is not compiled again."""
    key = f.__code__ if f.__closure__ is None else f
    if key not in COMPILED:
        COMPILED[key] = torch.compile(f, dynamic=False)
    return COMPILED[key]


def normal(shape, dtype):
    return torch.randn(shape, device=DEVICE, dtype=torch.float32).to(DTYPES[dtype])


def same(op):
    """Whether results of all peers have to agree."""
    return op not in ("dropout",)


# Every op returns the bytes that must move and the peers' functions. What a
# function returns first is compared.

def bench_copy(shape, dtype):
    x = normal(shape, dtype)
    y = torch.empty_like(x)
    return 2 * x.nbytes, {"torch": lambda: y.copy_(x)}


def bench_mish(shape, dtype):
    x = normal(shape, dtype)
    y = torch.empty_like(x)
    c = compiled(F.mish)
    fns = {"torch": lambda: F.mish(x), "torch.compile": lambda: c(x)}
    if triton:
        def run():
            triton_mish[(triton.cdiv(x.numel(), 2048),)](x, y, x.numel(), 2048)
            return y
        fns["triton"] = run
    if cupy and dtype == "float32":
        k = cupy.ElementwiseKernel("float32 x", "float32 y", "y = x * tanhf(log1pf(expf(x)))", "mish")
        cx, cy = cupy.from_dlpack(x), cupy.from_dlpack(y)

        def run_cupy():
            with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
                k(cx, cy)
            return y
        fns["cupy"] = run_cupy
    return 2 * x.nbytes, fns


def bench_softmax(shape, dtype):
    x = normal(shape, dtype)
    y = torch.empty_like(x)
    c = compiled(lambda t: torch.softmax(t, -1))
    fns = {"torch": lambda: torch.softmax(x, -1), "torch.compile": lambda: c(x)}
    if triton:
        k = row_kernel(triton_softmax, shape[0], x)
        fns["triton"] = lambda: k([y], [shape[1]])
    return 2 * x.nbytes, fns


def bench_rmsnorm(shape, dtype):
    x, w = normal(shape, dtype), normal(shape[1:], dtype)
    y = torch.empty_like(x)
    c = compiled(lambda t, w: F.rms_norm(t, w.shape, w, RMS_EPS))
    fns = {"torch": lambda: F.rms_norm(x, w.shape, w, RMS_EPS), "torch.compile": lambda: c(x, w)}
    if triton:
        k = row_kernel(triton_rmsnorm, shape[0], x, w)
        fns["triton"] = lambda: k([y], [shape[1], RMS_EPS])
    return 2 * x.nbytes + w.nbytes, fns


def bench_layernorm(shape, dtype):
    x, w, b = normal(shape, dtype), normal(shape[1:], dtype), normal(shape[1:], dtype)
    y = torch.empty_like(x)
    c = compiled(lambda t, w, b: F.layer_norm(t, w.shape, w, b, LAYER_EPS))
    fns = {"torch": lambda: F.layer_norm(x, w.shape, w, b, LAYER_EPS), "torch.compile": lambda: c(x, w, b)}
    if triton:
        k = row_kernel(triton_layernorm, shape[0], x, w, b)
        fns["triton"] = lambda: k([y], [shape[1], LAYER_EPS])
    return 2 * x.nbytes + w.nbytes + b.nbytes, fns


def bench_rmsnorm_residual(shape, dtype):
    x, r, w = normal(shape, dtype), normal(shape, dtype), normal(shape[1:], dtype)
    y, h = torch.empty_like(x), torch.empty_like(x)

    def f(x, r, w):
        h = x + r
        return F.rms_norm(h, w.shape, w, RMS_EPS), h
    c = compiled(f)
    fns = {"torch": lambda: f(x, r, w), "torch.compile": lambda: c(x, r, w)}
    if triton:
        k = row_kernel(triton_residual, shape[0], x, r, w)
        fns["triton"] = lambda: k([y, h], [shape[1], RMS_EPS])
    return 4 * x.nbytes + w.nbytes, fns


def bench_rmsnorm_backward(shape, dtype):
    x, w, g = normal(shape, dtype).requires_grad_(), normal(shape[1:], dtype).requires_grad_(), normal(shape, dtype)
    y = F.rms_norm(x, w.shape, w, RMS_EPS)

    def f(x, w, g):
        a, b = x.float(), g.float()
        c = b * w.float()
        s = torch.rsqrt((a * a).mean(-1, keepdim=True) + RMS_EPS)
        dx = c * s - a * (s * s * s * (a * c).mean(-1, keepdim=True))
        return dx.to(x.dtype), (b * a * s).sum(0).to(w.dtype)
    c = compiled(f)
    xd, wd = x.detach(), w.detach()
    return 3 * x.nbytes + 2 * w.nbytes, {
        "torch": lambda: torch.autograd.grad(y, (x, w), g, retain_graph=True), "torch.compile": lambda: c(xd, wd, g)}


def bench_swiglu(shape, dtype):
    z = normal(shape, dtype)
    d = shape[1] // 2
    y = torch.empty((shape[0], d), device=DEVICE, dtype=z.dtype)

    def f(z):
        a, b = z.chunk(2, -1)
        return F.silu(a) * b
    c = compiled(f)
    fns = {"torch": lambda: f(z), "torch.compile": lambda: c(z)}
    if triton:
        def run():
            triton_swiglu[(shape[0], triton.cdiv(d, 1024))](z, y, d, 1024)
            return y
        fns["triton"] = run
    return z.nbytes + y.nbytes, fns


def reduction(f, extra=None):
    def bench(shape, dtype):
        x = normal(shape, dtype)
        c = compiled(f)
        fns = {"torch": lambda: f(x), "torch.compile": lambda: c(x)}
        if extra and triton:
            y = torch.empty(shape[0], device=DEVICE, dtype=x.dtype)
            k = row_kernel(extra, shape[0], x)
            fns["triton"] = lambda: k([y], [shape[1]])
        out = f(x)
        size = 4 if out.dtype == torch.int64 else out.element_size()  # an index takes four bytes, as ours do
        return x.nbytes + size * out.numel(), fns
    return bench


def bench_dropout(shape, dtype):
    x = normal(shape, dtype)
    y = torch.empty_like(x)
    c = compiled(lambda t: F.dropout(t, 0.5, True))
    fns = {"torch": lambda: F.dropout(x, 0.5, True), "torch.compile": lambda: c(x)}
    if triton:
        def run():
            triton_dropout[(triton.cdiv(x.numel(), 1024),)](x, y, x.numel(), 0.5, 7, 1024)
            return y
        fns["triton"] = run
    return 2 * x.nbytes, fns


def bench_top5(shape, dtype):
    x = normal(shape, dtype)
    return x.nbytes + 5 * shape[0] * (x.element_size() + 4), {"torch": lambda: x.topk(5, -1)}


def bench_gather_add(shape, dtype):
    x, o = normal(shape, dtype), normal(shape, dtype)
    i = torch.randint(0, shape[0], (shape[0],), device=DEVICE, dtype=torch.int32)
    y = torch.empty_like(x)
    f = lambda x, i, o: x[i] + o
    c = compiled(f)
    fns = {"torch": lambda: f(x, i, o), "torch.compile": lambda: c(x, i, o)}
    if triton:
        def run():
            triton_gather_add[(shape[0],)](x, i, o, y, shape[1], triton.next_power_of_2(shape[1]))
            return y
        fns["triton"] = run
    return 3 * x.nbytes + i.nbytes, fns


def bench_rope(shape, dtype):
    x = normal(shape, dtype)
    cos, sin = normal((shape[-2], shape[-1] // 2), dtype), normal((shape[-2], shape[-1] // 2), dtype)

    def f(x, c, s):
        a, b = x.chunk(2, -1)
        return torch.cat((a * c - b * s, a * s + b * c), -1)
    c = compiled(f)
    return 2 * x.nbytes + cos.nbytes + sin.nbytes, {"torch": lambda: f(x, cos, sin), "torch.compile": lambda: c(x, cos, sin)}


def bench_cross_entropy(shape, dtype):
    x = normal(shape, dtype)
    t = torch.randint(0, shape[1], (shape[0],), device=DEVICE)
    y = torch.empty(shape[0], device=DEVICE)
    c = compiled(lambda x, t: F.cross_entropy(x.float(), t, reduction="none"))
    fns = {"torch": lambda: F.cross_entropy(x, t, reduction="none"), "torch.compile": lambda: c(x, t)}
    if triton:
        k = row_kernel(triton_xent, shape[0], x, t)
        fns["triton"] = lambda: k([y], [shape[1]])
    return x.nbytes + 8 * shape[0], fns


def bench_top2_gating(shape, dtype):
    x = normal(shape, dtype)

    def f(x):
        v, i = x.topk(2, -1)
        return torch.softmax(v, -1), i
    c = compiled(f)
    return x.nbytes + 16 * shape[0], {"torch": lambda: f(x), "torch.compile": lambda: c(x)}


def bench_adamw(shape, dtype):
    p = torch.nn.Parameter(normal(shape, dtype))
    p.grad = normal(shape, dtype)
    opt = torch.optim.AdamW([p], lr=1e-3, weight_decay=0.01, fused=True, capturable=True)

    def run():
        opt.step()
        return p.detach()
    return 7 * p.nbytes, {"torch": run}


OPS = {
    "copy": bench_copy, "mish": bench_mish, "softmax": bench_softmax, "rmsnorm": bench_rmsnorm,
    "layernorm": bench_layernorm, "rmsnorm_residual": bench_rmsnorm_residual,
    "rmsnorm_backward": bench_rmsnorm_backward, "swiglu": bench_swiglu,
    "sum": reduction(lambda x: x.sum(-1), triton_sum if triton else None),
    "argmax": reduction(lambda x: x.argmax(-1)),
    "cumsum": reduction(lambda x: x.cumsum(-1)),
    "dropout": bench_dropout, "top5": bench_top5, "gather_add": bench_gather_add, "rope": bench_rope,
    "cross_entropy": bench_cross_entropy, "top2_gating": bench_top2_gating, "adamw": bench_adamw,
}


def table(tiny):
    n = 1 << (14 if tiny else 26)
    rows = [(16384, 1024), (8192, 4096), (4096, 16384)]
    yield "copy", (n,), "float32"
    yield "mish", (n,), "float32"
    yield "mish", (n,), "float16"
    for s in rows + [(2048, 65536)]:
        yield "softmax", s, "float16"
    for op in ("rmsnorm", "layernorm", "rmsnorm_residual", "rmsnorm_backward"):
        for s in rows:
            yield op, s, "float16"
    yield "swiglu", (16384, 2048), "float16"
    for op in ("sum", "argmax", "cumsum", "dropout", "top5", "gather_add"):
        yield op, rows[0], "float16"
    yield "rope", (4, 32, 2048, 128), "float16"
    yield "cross_entropy", (8192, 32000), "bfloat16"
    yield "top2_gating", (65536, 64), "float32"
    yield "adamw", (n,), "float32"


def shrunk(shape):
    """A few rows of a shape."""
    return shape if len(shape) == 1 else (min(shape[0], 64),) + tuple(shape[1:]) if len(shape) == 2 else (1, 2, 64, shape[-1])


def series(fs):
    """All of fs one after the other, as a graph where they can be captured. All
    results are kept until the last of fs is done, so that each has memory of its own."""
    def run():
        return [f() for f in fs]
    try:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            run()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            kept = run()
        graph.replay()
        torch.cuda.synchronize()
        del kept
        return graph.replay
    except Exception:  # what cannot be captured runs as it is
        torch.cuda.synchronize()
        return run


def event_time(f):
    """Events around f, which the GPU does once more before, so that it is busy while the host asks for this."""
    a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    f()
    a.record()
    f()
    b.record()
    return a, b


SERIES_BYTES, SERIES_MOST = 768 << 20, 32  # as in bench/series.go


def host_cost(f, rounds, each=1000):
    """Seconds of one call when nothing waits for the GPU."""
    for _ in range(200):
        f()
    samples = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        t = time.perf_counter()
        for _ in range(each):
            f()
        samples.append((time.perf_counter() - t) / each)
    torch.cuda.synchronize()
    return samples


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--size", choices=("full", "tiny"), default="full")
    p.add_argument("--out", default="gpu.json")
    p.add_argument("--ops", default="")
    p.add_argument("--rounds", type=int, default=41)
    args = p.parse_args()
    torch.manual_seed(0)

    versions = [f"torch {torch.__version__}"]
    if triton:
        versions.append(f"triton {triton.__version__}")
    if cupy:
        versions.append(f"cupy {cupy.__version__}")
    report = Report(f"{torch.cuda.get_device_name()}: " + ", ".join(versions), args.out)
    n = 1 << (20 if args.size == "tiny" else 28)
    src, dst = torch.zeros(n, device=DEVICE), torch.empty(n, device=DEVICE)
    copy = series([lambda: dst.copy_(src)])

    for op, shape, dtype in table(args.size == "tiny"):
        if args.size == "tiny":
            shape = shrunk(shape)
        if args.ops and not re.search(args.ops, f"{op}/{'x'.join(map(str, shape))}/{dtype}"):
            continue
        torch.cuda.empty_cache()
        try:
            nbytes, fns = OPS[op](shape, dtype)
        except Exception as e:
            report.fail(op, shape, dtype, "torch", e)
            continue
        length = 2 if args.size == "tiny" else min(SERIES_MOST, -(-SERIES_BYTES // nbytes))
        more = [OPS[op](shape, dtype)[1] for _ in range(length - 1)]
        runs, want = {}, None
        for impl, f in fns.items():
            try:
                y = f()
                y = (y[0] if isinstance(y, (tuple, list)) else y).detach().float().clone()
                if want is None:
                    want = y
                elif same(op):
                    torch.testing.assert_close(y, want, rtol=2e-2, atol=2e-2)
                del y
                f()
                torch.cuda.synchronize()
                fs = [f] + [m[impl] for m in more]
                for f in fs:
                    f()
                # A backward pass runs on its forward pass's stream, which a capture is not on.
                plain = op == "rmsnorm_backward" and impl == "torch"
                runs[impl] = (lambda fs=fs: [f() for f in fs]) if plain else series(fs)
            except Exception as e:
                report.fail(op, shape, dtype, impl, e)
        want = None
        events = {impl: [] for impl in list(runs) + ["copy"]}
        for r in range(args.rounds + 3):
            for impl, f in list(runs.items()) + [("copy", copy)]:
                pair = event_time(f)
                if r >= 3:
                    events[impl].append(pair)
            torch.cuda.synchronize()
        samples = {impl: [a.elapsed_time(b) / 1e3 / (1 if impl == "copy" else length) for a, b in pairs] for impl, pairs in events.items()}
        own = samples.pop("copy")
        gbps = 2 * src.nbytes / quartiles(own)[1] / 1e9
        for impl, s in samples.items():
            report.add(op, shape, dtype, impl, nbytes, s, gbps)
        if op == "copy":
            report.add("memcpy", (n,), "float32", "torch", 2 * src.nbytes, own, gbps)

    x = torch.randn(1024, device=DEVICE)
    y = torch.empty_like(x)
    c = compiled(F.mish)
    calls = {"torch mish, 1024 elements": lambda: F.mish(x), "torch.compile mish, 1024 elements": lambda: c(x)}
    if triton:
        calls["triton mish, 1024 elements"] = lambda: triton_mish[(1,)](x, y, 1024, 1024)
    if cupy:
        k = cupy.ElementwiseKernel("float32 x", "float32 y", "y = x * tanhf(log1pf(expf(x)))", "mish")
        cx, cy = cupy.from_dlpack(x), cupy.from_dlpack(y)
        calls["cupy mish, 1024 elements"] = lambda: k(cx, cy)
    for name, f in calls.items():
        try:
            report.host(name, host_cost(f, 9))
        except Exception as e:
            print(name, repr(e)[:200], flush=True)
    report.write()


if __name__ == "__main__":
    main()
