size_t elem_count = 1;
for (int k = 0; k < inp_ndim; ++k) {
    elem_count *= inp_shape[k];
}
for (size_t elem = thread_position_in_grid.x; elem < elem_count; elem += threads_per_grid.x) {
    T x = T(inp[elem]);
    out[elem] = O(x * x // squared
);
}
