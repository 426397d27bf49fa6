int D = inp_shape[inp_ndim - 1];
size_t rows = 1;
for (int k = 0; k < inp_ndim - 1; ++k) {
    rows *= inp_shape[k];
}
threadgroup T scratch[1024];
int TG = threads_per_threadgroup.x, tid = thread_position_in_threadgroup.x;
for (size_t row = threadgroup_position_in_grid.x; row < rows; row += threadgroups_per_grid.x) {
    size_t base = row * D;
    T s1;
    {
        T acc = T(0);
        for (int j = tid; j < D; j += TG) {
            T x = T(inp[base + j]), v = x;
            T acc1 = acc;
            acc = T(acc1 + x / D);
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
        s1 = scratch[0];
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    T s2;
    {
        T acc = T(0);
        for (int j = tid; j < D; j += TG) {
            T x = T(inp[base + j]), v = x;
            T acc2 = acc;
            acc = T(acc2 + (x - s1) * (x - s1));
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
        s2 = scratch[0];
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    for (int j = tid; j < D; j += TG) {
        T x = T(inp[base + j]), v = x;
        out[base + j] = O((x - s1) * metal::rsqrt(s2 / D));
    }
}
