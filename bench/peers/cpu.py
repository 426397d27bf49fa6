"""What a user would pick instead on a CPU: NumPy, numba, JAX and MLX.

The ops and shapes are those of `zmlx bench --set cpu`. Every implementation
does the same work on the same arrays; float16 is computed in float32, as ours
is. They are timed in turns, and the results of all are compared before that.

    python cpu.py [--size full|small] [--out cpu.json] [--ops REGEXP] [--seconds S]
"""

import argparse
import os
import re
import time

THREADS = str(len(os.sched_getaffinity(0)))
for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, THREADS)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import math

import numpy as np

from report import Report

try:
    import numba
    from numba import njit, prange
except ImportError:
    numba = None
try:
    import jax
    import jax.numpy as jnp
except ImportError:
    jax = None
try:
    import mlx.core as mx
    import mlx.nn as mnn

    mx.set_default_device(mx.cpu)
except ImportError:
    mx = None

F32 = np.float32
SQRT1_2, GELU_A = 0.7071067811865476, 0.7978845608028654


# numba: loops over rows or pieces, on all threads, without fastmath.

def numba_ops():
    par = njit(parallel=True, fastmath=False)

    def elementwise(f):
        f = njit(f)

        @par
        def run(x, y):
            for i in prange(x.size):
                y[i] = f(x[i])
        return run

    @par
    def softmax(x, y):
        for r in prange(x.shape[0]):
            m = x[r, 0]
            for j in range(x.shape[1]):
                m = max(m, x[r, j])
            s = F32(0)
            for j in range(x.shape[1]):
                e = math.exp(x[r, j] - m)
                y[r, j] = e
                s += e
            s = F32(1) / s
            for j in range(x.shape[1]):
                y[r, j] *= s

    @par
    def rmsnorm(x, w, y):
        for r in prange(x.shape[0]):
            s = F32(0)
            for j in range(x.shape[1]):
                s += x[r, j] * x[r, j]
            s = F32(1) / math.sqrt(s / F32(x.shape[1]) + F32(1e-6))
            for j in range(x.shape[1]):
                y[r, j] = x[r, j] * s * w[j]

    @par
    def layernorm(x, w, b, y):
        for r in prange(x.shape[0]):
            s = F32(0)
            for j in range(x.shape[1]):
                s += x[r, j]
            mu = s / F32(x.shape[1])
            v = F32(0)
            for j in range(x.shape[1]):
                v += (x[r, j] - mu) * (x[r, j] - mu)
            v = F32(1) / math.sqrt(v / F32(x.shape[1]) + F32(1e-5))
            for j in range(x.shape[1]):
                y[r, j] = (x[r, j] - mu) * v * w[j] + b[j]

    @par
    def swiglu(z, y):
        d = y.shape[1]
        for r in prange(y.shape[0]):
            for j in range(d):
                a = z[r, j]
                y[r, j] = a / (F32(1) + math.exp(-a)) * z[r, d + j]

    @par
    def rope(x, c, s, y):
        h = c.shape[1]
        for r in prange(x.shape[0]):
            t = r % c.shape[0]
            for j in range(h):
                a, b = x[r, j], x[r, h + j]
                y[r, j] = a * c[t, j] - b * s[t, j]
                y[r, h + j] = a * s[t, j] + b * c[t, j]

    @par
    def cumsum(x, y):
        for r in prange(x.shape[0]):
            s = F32(0)
            for j in range(x.shape[1]):
                s += x[r, j]
                y[r, j] = s

    @par
    def argmax(x, y):
        for r in prange(x.shape[0]):
            at = 0
            for j in range(1, x.shape[1]):
                if x[r, j] > x[r, at]:
                    at = j
            y[r] = at

    @par
    def rowsum(x, y):
        for r in prange(x.shape[0]):
            s = F32(0)
            for j in range(x.shape[1]):
                s += x[r, j]
            y[r] = s

    @par
    def top5(x, v, p):
        for r in prange(x.shape[0]):
            for k in range(5):
                v[r, k] = -np.inf
            for j in range(x.shape[1]):
                e = x[r, j]
                if e > v[r, 4]:
                    k = 4
                    while k > 0 and e > v[r, k - 1]:
                        v[r, k] = v[r, k - 1]
                        p[r, k] = p[r, k - 1]
                        k -= 1
                    v[r, k] = e
                    p[r, k] = j

    @par
    def dropout(x, y):
        for r in prange(x.shape[0]):
            for j in range(x.shape[1]):
                y[r, j] = F32(0) if np.random.random() < 0.5 else x[r, j] * F32(2)

    @par
    def xent(x, t, y):
        for r in prange(x.shape[0]):
            m = x[r, 0]
            for j in range(x.shape[1]):
                m = max(m, x[r, j])
            s = F32(0)
            for j in range(x.shape[1]):
                s += math.exp(x[r, j] - m)
            y[r] = m + math.log(s) - x[r, t[r]]

    @par
    def gather_add(x, i, o, y):
        for r in prange(x.shape[0]):
            for j in range(x.shape[1]):
                y[r, j] = x[i[r], j] + o[r, j]

    def like(run):
        """Calls with an output of the first input's shape."""
        def call(*a):
            y = np.empty_like(a[0])
            run(*a, y)
            return y
        return call

    def flat(run):
        def call(x):
            y = np.empty_like(x)
            run(x.reshape(-1), y.reshape(-1))
            return y
        return call

    def vector(run, dtype):
        def call(*a):
            y = np.empty(a[0].shape[0], dtype)
            run(*a, y)
            return y
        return call

    def call_swiglu(z):
        y = np.empty((z.shape[0], z.shape[1] // 2), z.dtype)
        swiglu(z, y)
        return y

    def call_top5(x):
        v, p = np.empty((x.shape[0], 5), x.dtype), np.empty((x.shape[0], 5), np.uint32)
        top5(x, v, p)
        return v, p

    def call_rope(x, c, s):
        y = np.empty_like(x)
        rope(x.reshape(-1, x.shape[-1]), c, s, y.reshape(-1, x.shape[-1]))
        return y

    return {
        "copy": flat(elementwise(lambda x: x)),
        "mish": flat(elementwise(lambda x: x * math.tanh(math.log1p(math.exp(x))))),
        "gelu": flat(elementwise(lambda x: x * F32(0.5) * (F32(1) + math.erf(x * F32(SQRT1_2))))),
        "gelu_tanh": flat(elementwise(lambda x: F32(0.5) * x * (F32(1) + math.tanh(F32(GELU_A) * (x + F32(0.044715) * x * x * x))))),
        "softmax": like(softmax), "rmsnorm": like(rmsnorm), "layernorm": like(layernorm), "swiglu": call_swiglu,
        "rope": call_rope, "cumsum": like(cumsum), "argmax": vector(argmax, np.uint32), "sum": vector(rowsum, F32),
        "top5": call_top5, "dropout": like(dropout), "cross_entropy": vector(xent, F32), "gather_add": like(gather_add),
    }


# NumPy: the expression.

def numpy_ops():
    def wide(f):
        def call(x, *rest):
            if x.dtype == np.float16:
                y = f(x.astype(F32), *[r.astype(F32) if r.dtype == np.float16 else r for r in rest])
                return y.astype(np.float16) if y.dtype == F32 and y.ndim == x.ndim else y
            return f(x, *rest)
        return call

    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def layernorm(x, w, b):
        d = x - x.mean(-1, keepdims=True)
        return d / np.sqrt((d * d).mean(-1, keepdims=True) + F32(1e-5)) * w + b

    def swiglu(z):
        a, b = np.split(z, 2, -1)
        return a / (1 + np.exp(-a)) * b

    def rope(x, c, s):
        a, b = np.split(x, 2, -1)
        return np.concatenate((a * c - b * s, a * s + b * c), -1)

    def top5(x):
        i = np.argpartition(x, -5, -1)[:, -5:]
        v = np.take_along_axis(x, i, -1)
        o = np.argsort(-v, -1, kind="stable")
        return np.take_along_axis(v, o, -1), np.take_along_axis(i, o, -1)

    rng = np.random.default_rng(0)

    def dropout(x):
        return np.where(rng.random(x.shape, dtype=F32) < 0.5, x.dtype.type(0), x * x.dtype.type(2))

    def xent(x, t):
        m = x.max(-1)
        return m + np.log(np.exp(x - m[:, None]).sum(-1)) - x[np.arange(len(t)), t]

    return {
        "copy": lambda x: x.copy(),
        "mish": wide(lambda x: x * np.tanh(np.log1p(np.exp(x)))),
        "gelu_tanh": wide(lambda x: F32(0.5) * x * (1 + np.tanh(F32(GELU_A) * (x + F32(0.044715) * x * x * x)))),
        "softmax": wide(softmax),
        "rmsnorm": wide(lambda x, w: x / np.sqrt((x * x).mean(-1, keepdims=True) + F32(1e-6)) * w),
        "layernorm": wide(layernorm), "swiglu": wide(swiglu), "rope": wide(rope),
        "cumsum": wide(lambda x: np.cumsum(x, -1)),
        "argmax": lambda x: x.argmax(-1),
        "sum": lambda x: x.sum(-1, dtype=F32),
        "top5": top5, "dropout": dropout, "cross_entropy": wide(xent),
        "gather_add": lambda x, i, o: x[i] + o,
    }


def jax_ops():
    def wide(f, back=True):
        def call(x, *rest):
            up = [r.astype(jnp.float32) if r.dtype == jnp.float16 else r for r in rest]
            y = f(x.astype(jnp.float32), *up)
            return y.astype(x.dtype) if back else y
        return jax.jit(call)

    def layernorm(x, w, b):
        d = x - x.mean(-1, keepdims=True)
        return d * jax.lax.rsqrt((d * d).mean(-1, keepdims=True) + 1e-5) * w + b

    def swiglu(z):
        a, b = jnp.split(z, 2, -1)
        return jax.nn.silu(a) * b

    def rope(x, c, s):
        a, b = jnp.split(x, 2, -1)
        return jnp.concatenate((a * c - b * s, a * s + b * c), -1)

    def xent(x, t):
        return jax.nn.logsumexp(x, -1) - jnp.take_along_axis(x, t[:, None], -1)[:, 0]

    keys = [jax.random.key(0)]
    drop = jax.jit(lambda k, x: jnp.where(jax.random.bernoulli(k, 0.5, x.shape), x * 2, 0).astype(x.dtype))
    return {
        "copy": jax.jit(lambda x: x.copy()),
        "mish": wide(jax.nn.mish), "gelu": wide(lambda x: jax.nn.gelu(x, approximate=False)),
        "gelu_tanh": wide(lambda x: jax.nn.gelu(x, approximate=True)),
        "softmax": wide(lambda x: jax.nn.softmax(x, -1)),
        "rmsnorm": wide(lambda x, w: x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w),
        "layernorm": wide(layernorm), "swiglu": wide(swiglu), "rope": wide(rope),
        "cumsum": wide(lambda x: jnp.cumsum(x, -1)),
        "argmax": jax.jit(lambda x: jnp.argmax(x, -1)),
        "sum": wide(lambda x: x.sum(-1), False),
        "top5": jax.jit(lambda x: jax.lax.top_k(x, 5)),
        "dropout": lambda x: drop(keys[0], x),
        "cross_entropy": wide(xent, False),
        "gather_add": jax.jit(lambda x, i, o: x[i] + o),
    }


def mlx_ops():
    def wide(f, back=True):
        def call(x, *rest):
            up = [r.astype(mx.float32) if r.dtype == mx.float16 else r for r in rest]
            y = f(x.astype(mx.float32), *up)
            return y.astype(x.dtype) if back else y
        return mx.compile(call)

    def swiglu(z):
        a, b = mx.split(z, 2, -1)
        return mnn.silu(a) * b

    def rope(x, c, s):
        a, b = mx.split(x, 2, -1)
        return mx.concatenate((a * c - b * s, a * s + b * c), -1)

    def xent(x, t):
        return mx.logsumexp(x, -1) - mx.take_along_axis(x, t[:, None], -1)[:, 0]

    def top5(x):
        i = mx.argpartition(-x, 4, -1)[:, :5]
        v = mx.take_along_axis(x, i, -1)
        o = mx.argsort(-v, -1)
        return mx.take_along_axis(v, o, -1), mx.take_along_axis(i, o, -1)

    return {
        "copy": lambda x: mx.contiguous(x) + 0,
        "mish": wide(mnn.mish), "gelu": wide(mnn.gelu), "gelu_tanh": wide(mnn.gelu_approx),
        "softmax": lambda x: mx.softmax(x, -1, precise=True),
        "rmsnorm": lambda x, w: mx.fast.rms_norm(x, w, 1e-6),
        "layernorm": lambda x, w, b: mx.fast.layer_norm(x, w, b, 1e-5),
        "swiglu": wide(swiglu), "rope": wide(rope),
        "cumsum": wide(lambda x: mx.cumsum(x, -1)),
        "argmax": lambda x: mx.argmax(x, -1),
        "sum": wide(lambda x: x.sum(-1), False),
        "top5": mx.compile(top5),
        "dropout": lambda x: mx.where(mx.random.bernoulli(0.5, x.shape), x * 2, mx.array(0, x.dtype)),
        "cross_entropy": wide(xent, False),
        "gather_add": mx.compile(lambda x, i, o: x[i] + o),
    }


def table(small):
    n = 1 << (20 if small else 24)
    rows = [(n // d, d) for d in (64, 1024, 4096, 32768)]
    if small:  # as zmlx bench shrinks them
        rows = [((1 << 24) // d // 16, d) for d in (64, 1024, 4096, 32768)]
    for dtype in ("float32", "float16"):
        for op in ("copy", "mish", "gelu", "gelu_tanh"):
            yield op, (n,), dtype
        for op in ("softmax", "rmsnorm", "layernorm"):
            for s in rows:
                yield op, s, dtype
        for r, d in rows:
            yield "swiglu", (r, 2 * d), dtype
        yield "rope", (1, 8, 1024, 128) if small else (1, 32, 4096, 128), dtype
        for op in ("cumsum", "argmax", "top5", "dropout", "sum"):
            yield op, rows[1], dtype
        yield "cross_entropy", (32 if small else 512, 32000), dtype
        yield "gather_add", rows[1], dtype


def inputs(op, shape, dtype, rng):
    def normal(*s):
        return rng.standard_normal(s, dtype=F32).astype(dtype)

    d = shape[-1]
    x = normal(*shape)
    if op == "rmsnorm":
        return [x, normal(d)]
    if op == "layernorm":
        return [x, normal(d), normal(d)]
    if op == "rope":
        return [x, normal(shape[-2], d // 2), normal(shape[-2], d // 2)]
    if op == "cross_entropy":
        return [x, rng.integers(0, d, shape[0], dtype=np.int32)]
    if op == "gather_add":
        return [x, rng.integers(0, shape[0], shape[0], dtype=np.int32), normal(*shape)]
    return [x]


def out_bytes(op, shape, dtype):
    size = np.dtype(dtype).itemsize
    n, d = math.prod(shape), shape[-1]
    rows = n // d
    return {
        "swiglu": n // 2 * size, "argmax": 4 * rows, "sum": size * rows, "cross_entropy": 4 * rows,
        "top5": 5 * rows * (size + 4),
    }.get(op, n * size)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--size", choices=("full", "small"), default="full")
    p.add_argument("--out", default="cpu.json")
    p.add_argument("--ops", default="")
    p.add_argument("--rounds", type=int, default=11)
    p.add_argument("--seconds", type=float, default=2.0, help="at most, for one implementation of one case")
    args = p.parse_args()

    peers = {"numpy": (numpy_ops(), lambda a: a, lambda y: y)}
    if numba:
        numba.set_num_threads(int(THREADS))
        peers["numba"] = (numba_ops(), lambda a: a, lambda y: y)
    if jax:
        peers["jax"] = (jax_ops(), jnp.asarray, jax.block_until_ready)
    if mx:
        def ready(y):
            mx.eval(y)
            return y
        peers["mlx"] = (mlx_ops(), mx.array, ready)
    import importlib.metadata as meta
    names = [f"{n} {meta.version(n)}" for n in ("numpy", "numba", "jax", "mlx") if n in peers]
    report = Report(f"CPU, {THREADS} threads: " + ", ".join(names), args.out)

    rng = np.random.default_rng(1)
    src, dst = np.ones(1 << 24, F32), np.empty(1 << 24, F32)
    copies = []
    copy = numba_ops()["copy"] if numba else None

    def timed(f):
        t = time.perf_counter()
        f()
        return time.perf_counter() - t

    for op, shape, dtype in table(args.size == "small"):
        name = f"{op}/{'x'.join(map(str, shape))}/{dtype}"
        if args.ops and not re.search(args.ops, name):
            continue
        host = inputs(op, shape, dtype, rng)
        nbytes = sum(a.nbytes for a in host) + out_bytes(op, shape, dtype)
        runs, want = {}, None
        for impl, (ops, put, ready) in peers.items():
            if op not in ops or (impl == "numba" and dtype == "float16"):
                continue
            try:
                args_ = [put(a) for a in host]
                ready(args_)
                run = lambda f=ops[op], a=args_, ready=ready: ready(f(*a))
                y = run()
                got = np.asarray(y[0] if isinstance(y, (tuple, list)) else y).astype(np.float32)
                del y
                if op != "dropout":
                    if want is None:
                        want = got
                    tolerance = 2e-2 if dtype == "float16" else 1e-3
                    if got.shape != want.shape or not np.allclose(got, want, rtol=tolerance, atol=tolerance):
                        raise ValueError("the result differs from that of " + next(iter(runs)))
                runs[impl] = run
            except Exception as e:  # a peer may lack an op or a dtype
                report.fail(op, shape, dtype, impl, e)
        samples = {impl: [] for impl in runs}
        own = []
        for r in range(args.rounds + 1):
            for impl, run in runs.items():
                if r > 3 and sum(samples[impl]) > args.seconds:
                    continue
                t = timed(run)
                if r > 0:
                    samples[impl].append(t)
            t = min(timed(lambda: np.copyto(dst, src)), timed(lambda: copy(src)) if copy else math.inf)
            if r > 0:
                own.append(t)
        copies += own
        gbps = 2 * src.nbytes / sorted(own)[len(own) // 2] / 1e9
        for impl in runs:
            report.add(op, shape, dtype, impl, nbytes, samples[impl], gbps)
    report.add("memcpy", (1 << 24,), "float32", "numpy", 2 * src.nbytes, copies, 0)

    # One call of a tiny op.
    tiny = rng.standard_normal(8, dtype=F32)
    for impl, (ops, put, ready) in peers.items():
        x = put(tiny)
        f = ops["mish"]
        for _ in range(200):
            ready(f(x))
        samples = []
        for _ in range(args.rounds):
            t = time.perf_counter()
            for _ in range(1000):
                ready(f(x))
            samples.append((time.perf_counter() - t) / 1000)
        report.host(f"{impl} mish, 8 elements", samples)
    report.write()


if __name__ == "__main__":
    main()
