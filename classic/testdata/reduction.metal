int D = inp_shape[inp_ndim - 1];
size_t rows = 1;
for (int k = 0; k < inp_ndim - 1; ++k) {
    rows *= inp_shape[k];
}
for (size_t row = thread_position_in_grid.x; row < rows; row += threads_per_grid.x) {
    size_t base = row * D;
    T acc = T(0);
    for (int j = 0; j < D; ++j) {
        T x = T(inp[base + j]), v = x;
        acc = T(acc + x * x);
    }
    T s = acc;
    out[row] = O(metal::sqrt(s / D));
}
