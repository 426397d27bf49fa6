size_t elem_count = 1;
for (int k = 0; k < p_in_ndim; ++k) {
    elem_count *= p_in_shape[k];
}
for (size_t elem = thread_position_in_grid.x; elem < elem_count; elem += threads_per_grid.x) {
    T p = T(p_in[elem]);
    T q = T(q_in[elem]);
    T r = T(r_in[elem]);
    out[elem] = O(p * q + r);
}
