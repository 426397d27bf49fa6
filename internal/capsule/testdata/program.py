"""Calls kernels in the ways that the recorder must record."""

import mlx.core as mx

saxpy = mx.fast.metal_kernel(
    "saxpy",
    input_names=["x", "y", "a"],
    output_names=["out"],
    source="uint i = thread_position_in_grid.x; out[i] = a * x[i] + y[i];",
)
view = mx.fast.metal_kernel(
    name="view",
    input_names=["x", "w"],
    output_names=["o1", "o2"],
    source="o1[0] = x_strides[0]; o2[0] = w[0];",
    header="// header\n",
    ensure_row_contiguous=False,
    atomic_outputs=True,
)


def call(kernel, **arguments):
    try:
        kernel(**arguments)
    except RuntimeError as e:  # no Metal here
        print("not run:", e)


for n in (8, 8, 16):  # the second is the first again
    call(
        saxpy,
        inputs=[mx.arange(n).astype(mx.float32), mx.ones((n,), dtype=mx.bfloat16), 2.5],
        template=[("T", mx.float16), ("N", 3), ("B", True)],
        grid=(n, 1, 1),
        threadgroup=(8, 1, 1),
        output_shapes=[(n,)],
        output_dtypes=[mx.float32],
        init_value=float("inf"),
    )
call(
    view,
    inputs=[mx.arange(24).reshape(2, 3, 4).transpose(2, 0, 1), mx.arange(6).astype(mx.bfloat16).reshape(2, 3).T],
    grid=(1, 1, 1),
    threadgroup=(8, 1, 1),
    output_shapes=[(), (2, 2)],
    output_dtypes=[mx.int64, mx.bfloat16],
)
