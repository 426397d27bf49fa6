"""Prints the text that MLX generates for kernels, without needing Metal.

Reads a JSON list of cases {"name", "inputs": [[name, dtype, shape]...],
"outputs": [[name, dtype]...], "template": [[name, value]...], "atomic",
"header", "body"} from standard input and writes a JSON list of texts. Inside
mx.export_function MLX traces a custom kernel, and prints it with verbose=True,
on every build.
"""

import json
import os
import sys
import tempfile

import mlx.core as mx


def dtype(name):
    return mx.bool_ if name == "bool" else getattr(mx, name)


def generated(case, folder):
    kernel = mx.fast.metal_kernel(
        name=case["name"],
        input_names=[i[0] for i in case["inputs"]],
        output_names=[o[0] for o in case["outputs"]],
        source=case["body"],
        header=case["header"],
        atomic_outputs=case["atomic"],
    )
    template = [(n, dtype(v) if isinstance(v, str) else v) for n, v in case["template"]]

    def call(*inputs):
        return kernel(
            inputs=list(inputs),
            template=template or None,
            grid=(1, 1, 1),
            threadgroup=(1, 1, 1),
            output_shapes=[(4,)] * len(case["outputs"]),
            output_dtypes=[dtype(o[1]) for o in case["outputs"]],
            verbose=True,
            stream=mx.gpu,
        )

    # MLX prints to the process's standard output, below Python's.
    text = os.path.join(folder, "stdout")
    sys.stdout.flush()
    saved = os.dup(1)
    with open(text, "wb") as f:
        os.dup2(f.fileno(), 1)
        try:
            arrays = [mx.zeros(i[2], dtype(i[1])) for i in case["inputs"]]
            mx.export_function(os.path.join(folder, "f.mlxfn"), call, *arrays)
        finally:
            os.dup2(saved, 1)
            os.close(saved)
    with open(text) as f:
        return f.read()


with tempfile.TemporaryDirectory() as folder:
    json.dump([generated(case, folder) for case in json.load(sys.stdin)], sys.stdout)
