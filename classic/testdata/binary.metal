size_t elem_count = 1;
for (int k = 0; k < lhs_ndim; ++k) {
    elem_count *= lhs_shape[k];
}
for (size_t elem = thread_position_in_grid.x; elem < elem_count; elem += threads_per_grid.x) {
    T a = T(lhs[elem]);
    T b = T(rhs[elem]);
    T x = a;
    out[elem] = O(a * b);
}
