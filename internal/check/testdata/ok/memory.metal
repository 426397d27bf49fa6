threadgroup float tile[N][32 + 1], flat[N * 32]; threadgroup half2 pair[8];
uint l = thread_index_in_threadgroup; uint3 tid = thread_position_in_threadgroup;
tile[l % N][l / N] = x[l]; pair[l % 8] = half2(1, 2); flat[l] = 0;
threadgroup_barrier(mem_flags::mem_threadgroup); threadgroup_barrier(mem_flags::mem_none); simdgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
threadgroup float* row = tile[1]; row += 2; row[0] = *(row + 1) + row[-1]; threadgroup float* const fixed = &flat[3]; *fixed = 1;
const device float* p = x + tid.x * 4; device float* o = out; o += l; *o++ = *p++; o[-1] += p[0]; p -= 1; long d = p - x; bool lt = p < x + 64 && p != nullptr;
const device float4* p4 = (const device float4*)x; float4 q = p4[l]; ((device float4*)out)[l] = q; device auto& slot = out[l]; slot = 1;
auto r = reinterpret_cast<const device uint*>(x); outi[0] = r[0] + d + lt; const auto cp = x; float cv = cp[1];
float local[8] = {}; thread float* t = local; t[2] = cv; thread float& ref = local[3]; ref += 1;
if (l == 0) { for (uint k = 0; k < N; ++k) { threadgroup uint nested[4]; nested[k] = k; outi[k] = nested[k]; } }
float m[2][3] = {1, 2, 3, 4, 5, 6}, z[2][2] = {{1}, {2, 3}}; out[1] = m[1][2] + z[0][0]; array<float, 4> av; av[0] = 1; out[2] = av[0] + av.size();
float first = small[0] + small_shape[0] + x_strides[1] + x_ndim + s; out[3] = first;
float swap = local[0]; local[0] = local[1]; local[1] = swap;
threadgroup bool any_set; if (l == 0) any_set = false; threadgroup float one; one = 2;
