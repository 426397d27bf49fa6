int D = inp_shape[inp_ndim - 1];
size_t rows = 1;
for (int k = 0; k < inp_ndim - 1; ++k) {
    rows *= inp_shape[k];
}
threadgroup T scratch[1024];
int TG = threads_per_threadgroup.x, tid = thread_position_in_threadgroup.x;
for (size_t row = threadgroup_position_in_grid.x; row < rows; row += threadgroups_per_grid.x) {
    size_t base = row * D;
    T s;
    {
        T acc = T(0);
        for (int j = tid; j < D; j += TG) {
            T x = T(inp[base + j]), v = x;
            acc = T(acc + x * x);
        }
        scratch[tid] = acc;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        for (int lanes = TG; lanes > 1;) {
            int half_group = (lanes + 1) / 2;
            if (tid < lanes - half_group) {
                T a = scratch[tid], b = scratch[tid + half_group];
                scratch[tid] = T(a + b);
            }
            threadgroup_barrier(mem_flags::mem_threadgroup);
            lanes = half_group;
        }
        s = scratch[0];
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    if (tid == 0) {
        T acc = s;
        out[row] = O(metal::sqrt(s / D));
    }
}
