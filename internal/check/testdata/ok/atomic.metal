threadgroup atomic_int counter; threadgroup atomic<uint> bins[16]; uint i = thread_position_in_grid.x;
if (i == 0) atomic_store_explicit(&counter, 0, memory_order_relaxed);
int old = atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed); atomic_fetch_max_explicit(&bins[old & 15], i, memory_order_relaxed); atomic_fetch_or_explicit(bins, 1u, memory_order_relaxed);
atomic_fetch_add_explicit(&out[i], x[i], memory_order_relaxed); atomic_fetch_add_explicit(out + 1, 2.0f, memory_order_relaxed); device atomic<int>* oi = outi; atomic_fetch_min_explicit(oi, y[i], memory_order_relaxed);
float now = atomic_load_explicit(&out[0], memory_order_relaxed); float was = atomic_exchange_explicit(&out[0], 1.0f, memory_order_relaxed); int expected = 3;
while (!atomic_compare_exchange_weak_explicit(&outi[0], &expected, expected + 1, memory_order_relaxed, memory_order_relaxed)) {} atomic_thread_fence(mem_flags::mem_device, memory_order_relaxed);
atomic_fetch_add_explicit((volatile device atomic_int*)&outi[1], int(now + was), memory_order_relaxed);
