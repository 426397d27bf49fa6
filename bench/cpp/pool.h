// This file implements threads that share a range of work.

#pragma once

#include <cstdint>
#include <functional>

// each runs f(from, to) for parts of 0..n, each a multiple of grain long but
// the last, on all threads, and returns when all are done.
void each(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &f);
