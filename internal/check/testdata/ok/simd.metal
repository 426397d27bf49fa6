uint lane = thread_index_in_simdgroup, sg = simdgroup_index_in_threadgroup; float v = x[lane];
v = simd_sum(v) + simd_max(v) + simd_min(v) + simd_product(v) + simd_shuffle_down(v, 16) + simd_shuffle_xor(v, ushort(1)) + simd_shuffle(v, 3) + simd_shuffle_up(v, 1u) + simd_broadcast(v, 0) + simd_broadcast_first(v);
uint m = simd_and(lane) | simd_or(lane) ^ simd_xor(lane); v += simd_prefix_inclusive_sum(v) + simd_prefix_exclusive_sum(v) + quad_sum(v) + quad_broadcast(v, 2) + quad_shuffle_xor(v, 1);
bool all_on = simd_all(v > 0) && simd_any(lane == 1) || simd_is_first(); ulong votes = (ulong)simd_ballot(v > 0); auto active = simd_active_threads_mask();
half hsum = simd_sum(h[lane]); float4 v4 = simd_sum(float4(v)); int iv = simd_shuffle_and_fill_up(y[0], 0, 1); v += simd_shuffle_rotate_down(v, 1);
outi[0] = m + all_on + votes + iv; out[0] = v + hsum + v4.x; if (lane == 0 && sg == 0) out[1] = threads_per_simdgroup + simdgroups_per_threadgroup;
