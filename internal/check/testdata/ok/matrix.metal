threadgroup half tile[64]; simdgroup_half8x8 a, at; simdgroup_matrix<half, 8, 8> bm; simdgroup_float8x8 acc = make_filled_simdgroup_matrix<float, 8, 8>(0.0f); simdgroup_float8x8 id(1);
tile[thread_index_in_simdgroup] = h[0]; threadgroup_barrier(mem_flags::mem_threadgroup);
simdgroup_load(a, h, 8); simdgroup_load(at, tile, 8, 0, true); simdgroup_load(bm, h + 8, 8, ulong2(0, 8)); simdgroup_multiply_accumulate(acc, a, bm, acc); simdgroup_multiply(acc, a, at);
thread auto& e = acc.thread_elements(); e[0] *= 2; acc.thread_elements()[1] = float(e[0]); simdgroup_store(acc, out, 8); simdgroup_matrix<float, 8, 8> grid[2][2]; grid[1][0] = acc; simdgroup_store(grid[1][0], out + 64, 8, ulong2(0), true);
