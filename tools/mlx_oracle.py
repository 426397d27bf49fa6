"""Values and gradients of definitions, as MLX computes them.

testdata/oracle/cases.json lists the cases: a definition, the same in Python
with MLX, and recipes for its inputs. This script evaluates the Python side on
the CPU and stores inputs, outputs, cotangents and gradients, one safetensors
file for each group of cases, which the tests of the root package compare with.

    python tools/mlx_oracle.py                  write testdata/oracle
    python tools/mlx_oracle.py --out DIR        write elsewhere
    python tools/mlx_oracle.py --check          compare with what is stored

The tensors of a case are named CASE/DTYPE/SHAPE/ROLE, where ROLE is the name of
an input, yN for output N, cN for its cotangent, and d and the input's name for
its gradient. Results of float16 and bfloat16 inputs are there twice: computed
by MLX in float32 from the same inputs, as float32, and with ROLE ending in
"!" as MLX gives them in the dtype itself, rounding after every operation.

Inputs are the same on every machine, to the bit: random numbers are those of
SplitMix64, and distributions need only exact arithmetic. Results differ between
machines in their last bits, so --check compares them within a tolerance.
"""

import argparse
import json
import os
import pathlib
import struct
import sys
import zlib

os.environ["MLX_ENABLE_TF32"] = "0"

import mlx.core as mx
import mlx.nn as nn
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent.parent / "testdata" / "oracle"
CODES = {"bool": "BOOL", "int32": "I32", "uint32": "U32", "float16": "F16", "bfloat16": "BF16", "float32": "F32"}
# How far two machines' results may be apart, relative to the greatest of a tensor.
APART = {"F32": 1e-5, "F16": 4e-3, "BF16": 3e-2}


def integers(label, count):
    """count uniform 64-bit integers: SplitMix64 from a seed that label gives."""
    seed = np.uint64(zlib.crc32(label.encode()) << 20)
    with np.errstate(over="ignore"):
        z = seed + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(label, count):
    return (integers(label, count) >> np.uint64(40)).astype(np.float64) / 2**24


def draw(recipe, label, shape, last):
    """An array of float64 as recipe says; last is the length of the case's rows."""
    kind, *args = recipe.split()
    count = int(np.prod(shape))
    if kind == "uniform":
        low, high = map(float, args)
        v = low + (high - low) * uniform(label, count)
    elif kind == "normal":  # the sum of twelve uniform numbers, less six
        mean, deviation = map(float, args)
        v = mean + deviation * (uniform(label, 12 * count).reshape(count, 12).sum(axis=1) - 6)
    elif kind == "integers":  # both ends are included
        low, high = map(int, args)
        v = low + (integers(label, count) % np.uint64(high - low + 1)).astype(np.float64)
    elif kind == "labels":
        v = (integers(label, count) % np.uint64(max(last, 1))).astype(np.float64)
    elif kind == "choice":
        v = np.array([float(a) for a in args])[(integers(label, count) % np.uint64(len(args))).astype(int)]
    elif kind == "points":
        v = np.array([float(a) for a in args])
        if v.size != count:
            raise ValueError(f"{label}: {v.size} points for shape {shape}")
    else:
        raise ValueError(f"{label}: no recipe {kind!r}")
    return v.reshape(shape)


def input_shape(kind, shape):
    """The shape of an input in a call whose other inputs have the full shape."""
    if not shape or kind == "full":
        return shape
    return {"last": shape[-1:], "row": shape[:-1] + [1], "one": [1], "column": shape[:-1] + [1], "middle": [1] + shape[1:]}[kind]


def tensor(a):
    """(code, shape, bytes) of an MLX array."""
    code = CODES[str(a.dtype).removeprefix("mlx.core.").rstrip("_")]
    raw = a.view(mx.uint16) if code == "BF16" and a.size else a.astype(mx.float32) if code == "BF16" else a
    return code, list(a.shape), np.array(raw).tobytes()


def floats(a):
    return a.dtype in (mx.float16, mx.bfloat16, mx.float32)


def shapes_of(doc, case, dtype):
    small = dtype in ("float16", "bfloat16")
    names = case.get("shapes") or doc["default_shapes"]["small" if small else "float32"]
    if not small and "float32_shapes" in case:
        names = case["float32_shapes"]
    out = []
    for name in names:
        out += doc["shapes"][name] if isinstance(name, str) else [name]
    return out


def run(doc, case, into):
    """Evaluates one case, adding to the dictionary of tensors."""
    named = [i["name"] for i in case["inputs"]]
    params = case.get("params", {})
    body = compile(case["mlx"], case["name"], "eval")

    def outputs(arrays):
        scope = {"mx": mx, "nn": nn, "math": __import__("math"), **params, **dict(zip(named, arrays))}
        y = eval(body, scope)
        return list(y) if isinstance(y, tuple) else [y]

    for dtype in case.get("dtypes") or doc["default_dtypes"]:
        for shape in shapes_of(doc, case, dtype):
            if 0 in shape and (case.get("empty") == "none" or case.get("empty") == "rows" and shape[-1] == 0):
                continue  # MLX refuses it, or may loop for ever where it reduces an empty row
            prefix = f"{case['name']}/{dtype}/{'x'.join(map(str, shape)) or 'scalar'}/"
            last = shape[-1] if shape else 1
            arrays = []
            for i in case["inputs"]:
                v = draw(i["values"], prefix + i["name"], input_shape(i.get("shape", "full"), shape), last)
                arrays.append(mx.array(v.astype(np.float32)).astype(getattr(mx, i.get("dtype", dtype).replace("bool", "bool_"))))
            for name, a in zip(named, arrays):
                into[prefix + name] = tensor(a)
            wide = [a.astype(mx.float32) if floats(a) else a for a in arrays]
            ys = outputs(wide)
            cotangents = []
            for k, y in enumerate(ys):
                into[f"{prefix}y{k}"] = tensor(y)
                if not floats(y):
                    cotangents.append(mx.zeros(y.shape, mx.float32))
                elif case.get("cotangent") == "ones":
                    cotangents.append(mx.ones(y.shape, mx.float32))
                else:
                    v = draw("normal 0 1", f"{prefix}c{k}", list(y.shape), last)
                    cotangents.append(mx.array(v.astype(np.float32)).astype(getattr(mx, dtype)).astype(mx.float32))
            by = [n for n, a in enumerate(arrays) if floats(a)] if case.get("grad", True) and floats(ys[0]) else []
            if by:
                for k, c in enumerate(cotangents):
                    into[f"{prefix}c{k}"] = tensor(c.astype(getattr(mx, dtype)))
            into.update(gradients(outputs, wide, by, cotangents, prefix, named, ""))
            # Of rows of one element, derivatives of compositions are often what
            # rounding leaves of nothing: no oracle.
            alone = shape[-1:] == [1] and case["group"] == "composition"
            if dtype in ("float16", "bfloat16") and case.get("native", True) and not alone:
                for k, y in enumerate(outputs(arrays)):
                    into[f"{prefix}y{k}!"] = tensor(y)
                narrow = [c.astype(getattr(mx, dtype)) for c in cotangents]
                into.update(gradients(outputs, arrays, by, narrow, prefix, named, "!"))


def gradients(outputs, arrays, by, cotangents, prefix, named, mark):
    if not by:
        return {}
    if all(c.size == 0 for c in cotangents):  # MLX may loop for ever where it sums over no rows
        return {f"{prefix}d{named[n]}{mark}": tensor(mx.zeros_like(arrays[n])) for n in by}

    def of(*some):
        full = list(arrays)
        for n, a in zip(by, some):
            full[n] = a
        return outputs(full)

    _, grads = mx.vjp(of, [arrays[n] for n in by], cotangents)
    return {f"{prefix}d{named[n]}{mark}": tensor(g) for n, g in zip(by, grads)}


def write(path, tensors):
    """Writes a safetensors file: widest elements first, then by name."""
    width = {"F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "BOOL": 1}
    header, blob = {"__metadata__": {"mlx": mx.__version__}}, b""
    for name in sorted(tensors, key=lambda n: (-width[tensors[n][0]], n)):
        code, shape, data = tensors[name]
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


def read(path):
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header, blob = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    header.pop("__metadata__", None)
    return {n: (h["dtype"], h["shape"], blob[slice(*h["data_offsets"])]) for n, h in header.items()}


def decode(code, data):
    if code == "BF16":
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(data, {"F32": "f4", "F16": "f2", "I32": "i4", "U32": "u4", "BOOL": "?"}[code])


def compare(name, old, new):
    """What differs between two tensors, or None."""
    if old[:2] != new[:2]:
        return f"{name}: {old[0]} {old[1]} is stored, {new[0]} {new[1]} made"
    if old[2] == new[2]:
        return None
    a, b = (decode(t[0], t[2]).astype(np.float64) for t in (old, new))
    role = name.rsplit("/", 1)[1].rstrip("!")
    if old[0] not in APART or not (role[0] in "yd" and len(role) > 1):
        return f"{name}: not the same"
    odd = ~np.isfinite(a) | ~np.isfinite(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if not same[odd].all():
        return f"{name}: infinities or NaN in other places"
    scale = np.abs(a[~odd]).max(initial=0)
    worst = np.abs(a - b)[~odd].max(initial=0)
    if worst > APART[old[0]] * scale:
        return f"{name}: {worst:g} apart, where the greatest is {scale:g}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="the folder to write to")
    parser.add_argument("--check", action="store_true", help="compare with what is stored, write nothing")
    parser.add_argument("--only", help="cases with this in their name; nothing is written")
    args = parser.parse_args()
    mx.set_default_device(mx.cpu)
    mx.disable_compile()  # mlx.nn compiles its activations, which costs minutes and has other last bits
    doc = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))
    groups = {}
    for case in doc["cases"]:
        if args.only and args.only not in case["name"]:
            continue
        try:
            run(doc, case, groups.setdefault(case["group"], {}))
        except Exception as e:
            sys.exit(f"case {case['name']}: {e}")
    if args.only:
        for tensors in groups.values():
            for name, t in sorted(tensors.items()):
                print(name, t[0], t[1], decode(t[0], t[2])[:12])
        return
    if args.check:
        faults = []
        for group, made in groups.items():
            stored = read(HERE / f"{group}.safetensors")
            faults += [f"{n}: only stored" for n in stored.keys() - made.keys()]
            faults += [f"{n}: not stored" for n in made.keys() - stored.keys()]
            faults += filter(None, (compare(n, stored[n], made[n]) for n in sorted(stored.keys() & made.keys())))
        if faults:
            sys.exit("\n".join(faults[:40] + [f"{len(faults)} tensors differ from those stored"]))
        print(f"{sum(map(len, groups.values()))} tensors of {len(doc['cases'])} cases are as stored")
        return
    args.out.mkdir(parents=True, exist_ok=True)
    for group, tensors in groups.items():
        write(args.out / f"{group}.safetensors", tensors)
    print(f"wrote {sum(map(len, groups.values()))} tensors of {len(doc['cases'])} cases to {args.out}")


if __name__ == "__main__":
    main()
