// This file implements threads that wait for work: a while by spinning, then
// asleep.

#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "vector.h"

namespace {

struct Pool {
    std::mutex mu;
    std::condition_variable wake;
    std::vector<std::thread> threads;
    std::atomic<uint64_t> round{0};
    std::atomic<int> busy{0};
    std::atomic<int64_t> next{0};
    int64_t n = 0, grain = 1;
    const std::function<void(int64_t, int64_t)> *f = nullptr;

    void work() {
        for (;;) {
            int64_t from = next.fetch_add(grain, std::memory_order_relaxed);
            if (from >= n) return;
            (*f)(from, from + grain < n ? from + grain : n);
        }
    }

    void wait(uint64_t seen) {
        for (int i = 0; i < 20000; i++) {
            if (round.load(std::memory_order_acquire) != seen) return;
#if defined(__x86_64__)
            _mm_pause();
#endif
        }
        std::unique_lock<std::mutex> lock(mu);
        wake.wait(lock, [&] { return round.load() != seen; });
    }

    void loop() {
        for (uint64_t seen = 0;; seen++) {
            wait(seen);
            work();
            busy.fetch_sub(1, std::memory_order_release);
        }
    }

    void run(int64_t count, int64_t step, const std::function<void(int64_t, int64_t)> &g) {
        n = count;
        grain = step;
        f = &g;
        next.store(0);
        if (count > step && !threads.empty()) {
            busy.store((int)threads.size());
            {
                std::lock_guard<std::mutex> lock(mu);
                round.fetch_add(1);
            }
            wake.notify_all();
        }
        work();
        while (busy.load(std::memory_order_acquire) > 0) std::this_thread::yield();
    }
};

Pool *pool = new Pool; // its threads never end

} // namespace

void each(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &f) { pool->run(n, grain, f); }

extern "C" {

// zb_threads says how many threads share work, the caller among them.
void zb_threads(int64_t n) {
    while ((int64_t)pool->threads.size() < n - 1) {
        pool->threads.emplace_back([] { pool->loop(); });
        pool->threads.back().detach();
    }
}

void *zb_alloc(int64_t n) {
    const int64_t page = 2 << 20;
    n = (n + page - 1) / page * page;
    void *p = aligned_alloc(page, n);
#if defined(__linux__)
    if (p) madvise(p, n, MADV_HUGEPAGE);
#endif
    if (p) memset(p, 0, n);
    return p;
}

void zb_free(void *p) { free(p); }

// zb_copy copies past the caches, which no copy that fills them beats.
void zb_copy(char *dst, const char *src, int64_t n) {
    const int64_t vectors = n / (W * 4);
    const bool aligned = (uintptr_t)dst % (W * 4) == 0;
    each(vectors, 1 << 14, [=](int64_t from, int64_t to) {
        float *d = (float *)dst;
        const float *s = (const float *)src;
        if (aligned) {
            for (int64_t i = from; i < to; i++) Float::stream(d + i * W, Float::load(s + i * W));
        } else {
            memcpy(d + from * W, s + from * W, (to - from) * W * 4);
        }
#if defined(__x86_64__)
        _mm_sfence();
#endif
    });
    memcpy(dst + vectors * W * 4, src + vectors * W * 4, n - vectors * W * 4);
}

} // extern "C"
