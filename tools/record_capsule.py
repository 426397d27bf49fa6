#!/usr/bin/env python3
"""Records calls of mx.fast.metal_kernel as capsules that `zmlx run` takes.

From the shell, run a program under it; every kernel that the program calls is
recorded, one capsule for each combination of shapes, dtypes and template:

    python tools/record_capsule.py --out capsules program.py its arguments
    python tools/record_capsule.py --out capsules -m package.module its arguments

From Python:

    from record_capsule import recording
    with recording("capsules"):
        model(x)

A capsule NAME-3.json lies beside its inputs, NAME-3.INPUT.npy, and, where the
kernel could run, the outputs it gave, NAME-3.OUTPUT.npy. bfloat16 is stored as
uint16 bits. Inputs are stored before the call, so that they are there even if
MLX has no Metal and the call fails. A transposed view is stored as it lies in
memory, with the axes to transpose; other views are stored dense, so that a
kernel with ensure_row_contiguous=False meets other strides for those.

Not recorded, with a message: calls inside mx.compile, mx.grad and the like,
whose inputs have no values yet; compile_options, which capsules lack.
"""

import argparse
import contextlib
import json
import math
import os
import re
import runpy
import sys

import mlx.core as mx
import numpy as np

MAKE = ["name", "input_names", "output_names", "source", "header", "ensure_row_contiguous", "atomic_outputs", "compile_options"]


def warn(text):
    print(f"record_capsule: {text}", file=sys.stderr)


def dtype_name(dtype):
    return str(dtype).rsplit(".", 1)[-1]


def number(value):
    """A float as JSON can hold it."""
    value = float(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def save(array, path):
    """Writes an array as .npy and returns what describes it."""
    member = {"npy": os.path.basename(path)}
    if array.dtype == mx.bfloat16:
        member["dtype"] = "bfloat16"
        array = array.view(mx.uint16)
    stored = np.array(array)
    mx.eval(array)
    view = memoryview(array)
    order = sorted(range(view.ndim), key=lambda axis: -view.strides[axis])
    if order != list(range(view.ndim)) and lies_dense(view, order):
        stored = np.ascontiguousarray(stored.transpose(order))
        member["transpose"] = [order.index(axis) for axis in range(view.ndim)]
    np.save(path, stored)
    return member


def lies_dense(view, order):
    """Whether the axes in this order are those of a dense row-major array."""
    stride = view.itemsize
    for axis in reversed(order):
        if view.shape[axis] < 2 or view.strides[axis] != stride:
            return False
        stride *= view.shape[axis]
    return True


class Recorder:
    """Writes capsules into a folder, at most `limit` of them."""

    def __init__(self, folder, limit=1000):
        self.folder = folder
        self.limit = limit
        self.written = 0
        self.seen = set()
        self.counts = {}
        os.makedirs(folder, exist_ok=True)

    def begin(self, made, inputs, call):
        """Writes a capsule without outputs and returns it with its path, or None."""
        arrays = [x if isinstance(x, mx.array) else mx.array(x) for x in inputs]
        template = [[n, dtype_name(v) if isinstance(v, mx.Dtype) else v] for n, v in call.get("template") or []]
        capsule = {
            "name": made["name"],
            "input_names": list(made["input_names"]),
            "output_names": list(made["output_names"]),
            "source": made["source"],
            "header": made["header"],
            "ensure_row_contiguous": made["ensure_row_contiguous"],
            "atomic_outputs": made["atomic_outputs"],
            "template": template,
            "grid": [int(n) for n in call["grid"]],
            "threadgroup": [int(n) for n in call["threadgroup"]],
            "output_shapes": [[int(n) for n in s] for s in call["output_shapes"]],
            "output_dtypes": [dtype_name(d) for d in call["output_dtypes"]],
        }
        if call.get("init_value") is not None:
            capsule["init_value"] = number(call["init_value"])
        key = json.dumps([capsule, [[list(a.shape), dtype_name(a.dtype)] for a in arrays]])
        if key in self.seen or self.written >= self.limit:
            return None
        self.seen.add(key)
        safe = re.sub(r"\W", "_", made["name"])
        serial = self.counts[safe] = self.counts.get(safe, 0) + 1
        stem = os.path.join(self.folder, f"{safe}-{serial}")
        capsule["inputs"] = {}
        for name, array in zip(made["input_names"], arrays):
            capsule["inputs"][name] = save(array, f"{stem}.{name}.npy")
        if made.get("compile_options"):
            warn(f"{stem}.json lacks compile_options={made['compile_options']!r}")
        self.written += 1
        self.write(capsule, stem)
        return capsule, stem

    def end(self, begun, outputs):
        """Adds the outputs that the kernel gave."""
        capsule, stem = begun
        capsule["expect"] = {}
        for name, array in zip(capsule["output_names"], outputs):
            capsule["expect"][name] = {"npy": save(array, f"{stem}.{name}.npy")["npy"]}
        self.write(capsule, stem)

    @staticmethod
    def write(capsule, stem):
        with open(stem + ".json", "w") as f:
            json.dump(capsule, f, indent=1, allow_nan=False)
            f.write("\n")

    def kernel(self, original, *args, **kwargs):
        """Makes a kernel whose calls are recorded."""
        made = {"header": "", "ensure_row_contiguous": True, "atomic_outputs": False}
        made.update(zip(MAKE, args))
        made.update(kwargs)
        run = original(*args, **kwargs)

        def call(**arguments):
            begun = None
            try:
                begun = self.begin(made, arguments["inputs"], arguments)
            except Exception as e:  # the program must go on as without the recorder
                warn(f"a call of {made['name']} was not recorded: {e}")
            outputs = run(**arguments)
            if begun:
                try:
                    self.end(begun, outputs)
                except Exception as e:
                    warn(f"{begun[1]}.json has no outputs: {e}")
            return outputs

        return call


@contextlib.contextmanager
def recording(folder, limit=1000):
    """Records every kernel that is made while the context lasts."""
    recorder = Recorder(folder, limit)
    original = mx.fast.metal_kernel
    mx.fast.metal_kernel = lambda *args, **kwargs: recorder.kernel(original, *args, **kwargs)
    try:
        yield recorder
    finally:
        mx.fast.metal_kernel = original


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", default="capsules", help="folder to write to (%(default)s)")
    parser.add_argument("--limit", type=int, default=1000, help="most capsules to write (%(default)s)")
    parser.add_argument("-m", dest="module", action="store_true", help="the program is a module's name")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    sys.argv = [options.program, *options.arguments]
    with recording(options.out, options.limit) as recorder:
        try:
            if options.module:
                runpy.run_module(options.program, run_name="__main__", alter_sys=True)
            else:
                sys.path[0] = os.path.dirname(os.path.abspath(options.program))
                runpy.run_path(options.program, run_name="__main__")
        finally:
            warn(f"{recorder.written} capsules in {options.out}")


if __name__ == "__main__":
    main()
