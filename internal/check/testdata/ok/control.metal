uint i = thread_position_in_grid.x;
if (i >= uint(x_shape[0])) return;
int n = x_shape[1], total = 0;
for (int j = 0, k = n; j < k; ++j, k--) { if (j == 2) continue; if (j > 10) break; total += j * k; }
for (uint j = i; j < 64; j += threads_per_threadgroup.x * 2) total += int(j);
for (;;) { if (total > 3) break; total++; }
while (total --> 0) { if (total & 1) continue; }
do { total += 2; } while (total < 10);
switch (total) { case 0: case 1: out[i] = 0; break; case 2: { float t = 1; out[i] = t; break; } default: out[i] = 2; }
if (int r = total % 3) { out[i] = r; } else if (r == 0) { out[i] = 0; } else out[i] = 1;
float v = i < 3 ? x[i] : i < 5 ? 0 : -1;
if (FLAG) { out[i] += v; } else { out[i] -= v; }
if constexpr (N > 8) { missing(); } else { out[i] *= 2; }
constexpr int K = N * 2, L = K > 4 ? 3 : 1; float a[K][L]; a[1][2] = v; static_assert(sizeof(a) == K * L * 4, "size");
{ float v = 2; out[i] = v; { int v = 3; outi[i] = v; } }
switch (total) { case K: break; case L + 100: break; }
;
