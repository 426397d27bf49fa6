// This file implements the texts of the ops that are kernels in Metal: those
// that look at neighbours along the row, or at positions that data name.

package bench

import "github.com/zmlx-go/zmlx"

// kernelHeader has what the kernels share. V neighbouring elements are loaded
// and stored at once: 16 bytes on a GPU, where addresses are multiples of that;
// one element on a CPU, where neighbouring threads make the vector.
const kernelHeader = `
template <int V, typename T>
inline void load(const device T* p, thread float* r) {
    if constexpr (V == 1) {
        r[0] = float(p[0]);
    } else if constexpr (V == 4) {
        vec<T, 4> v = *(const device vec<T, 4>*)p;
        for (int k = 0; k < 4; ++k) { r[k] = float(v[k]); }
    } else {
        uint4 u = *(const device uint4*)p;
        for (int k = 0; k < 4; ++k) {
            vec<T, 2> v = as_type<vec<T, 2>>(u[k]);
            r[2 * k] = float(v.x);
            r[2 * k + 1] = float(v.y);
        }
    }
}

template <int V, typename T>
inline void store(device T* p, const thread float* r) {
    if constexpr (V == 1) {
        p[0] = T(r[0]);
    } else if constexpr (V == 4) {
        vec<T, 4> v;
        for (int k = 0; k < 4; ++k) { v[k] = T(r[k]); }
        *(device vec<T, 4>*)p = v;
    } else {
        uint4 u;
        for (int k = 0; k < 4; ++k) {
            vec<T, 2> v;
            v.x = T(r[2 * k]);
            v.y = T(r[2 * k + 1]);
            u[k] = as_type<uint>(v);
        }
        *(device uint4*)p = u;
    }
}

// A packed is V elements as they lie in memory, which take half the registers
// of floats. Compilers keep the floats all the same where they are needed twice,
// unless a 0 that they do not know comes between.
template <int V, typename T>
struct packed {
    uint4 u;
    void get(const device T* p) { u = *(const device uint4*)p; }
    void hide(uint zero) { u ^= zero; }
    float at(int k) const { vec<T, 2> v = as_type<vec<T, 2>>(u[k / 2]); return float(v[k % 2]); }
};
template <typename T>
struct packed<4, T> {
    vec<T, 4> v;
    void get(const device T* p) { v = *(const device vec<T, 4>*)p; }
    void hide(uint) {}
    float at(int k) const { return float(v[k]); }
};
template <typename T>
struct packed<1, T> {
    T v;
    void get(const device T* p) { v = p[0]; }
    void hide(uint) {}
    float at(int) const { return float(v); }
};

// The sum over the lanes below, in five steps where simd_prefix_exclusive_sum
// goes from lane to lane.
inline float sum_before(float x, uint lane) {
    float sum = x;
    for (ushort step = 1; step < 32; step *= 2) {
        float below = simd_shuffle_up(sum, step);
        if (lane >= step) { sum += below; }
    }
    float before = simd_shuffle_up(sum, 1);
    return lane == 0 ? 0.0f : before;
}

// A float as an integer of the same order; every NaN is above infinity.
inline uint ordered(float x) {
    uint u = as_type<uint>(x);
    if (isnan(x)) { return 0xffffffffu; }
    return (u & 0x80000000u) != 0 ? ~u : u | 0x80000000u;
}

inline float unordered(uint u) {
    return u == 0xffffffffu ? float(NAN) : as_type<float>((u & 0x80000000u) != 0 ? u & 0x7fffffffu : ~u);
}
`

// One thread turns V pairs: an element of a head's first half with the one at
// the same place of its second half.
var ropeKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "rope", InputNames: []string{"x", "cosine", "sine"}, OutputNames: []string{"out"}, Header: kernelHeader,
	Source: `
uint j = thread_position_in_grid.x * V;
uint s = thread_position_in_grid.y;
size_t row = size_t(thread_position_in_grid.z) * threads_per_grid.y + s;
uint half_d = threads_per_grid.x * V;
float a[V], b[V], c[V], d[V], lo[V], hi[V];
load<V>(x + row * (2 * half_d) + j, a);
load<V>(x + row * (2 * half_d) + half_d + j, b);
load<V>(cosine + size_t(s) * half_d + j, c);
load<V>(sine + size_t(s) * half_d + j, d);
for (int k = 0; k < V; ++k) {
    lo[k] = a[k] * c[k] - b[k] * d[k];
    hi[k] = a[k] * d[k] + b[k] * c[k];
}
store<V>(out + row * (2 * half_d) + j, lo);
store<V>(out + row * (2 * half_d) + half_d + j, hi);
`})

// G threads go along a row in steps of G*V*U elements, the U vectors of which
// are loaded at once, and carry the sum of those before. Rows of one simdgroup
// share threadgroups and need no barrier.
var cumSumKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "cumsum", InputNames: []string{"x"}, OutputNames: []string{"out"}, Header: kernelHeader,
	Source: `
uint D = x_shape[x_ndim - 1];
size_t row = thread_position_in_grid.x / G;
uint t = thread_position_in_grid.x % G;
size_t base = row * (D / V * V);
threadgroup float sums[32];
float carry = 0.0f;
for (uint from = 0; from < D; from += G * V * U) {
    float v[U * V];
    for (int u = 0; u < U; ++u) {
        uint at = from + (u * G + t) * V;
        if (at < D) {
            load<V>(x + base + at, v + u * V);
        } else {
            for (int k = 0; k < V; ++k) { v[u * V + k] = 0.0f; }
        }
    }
    for (int u = 0; u < U; ++u) {
        for (int k = 1; k < V; ++k) { v[u * V + k] += v[u * V + k - 1]; }
        float own = v[u * V + V - 1];
        float before = sum_before(own, thread_index_in_simdgroup);
        float total = 0.0f;
        if constexpr (G == 32) {
            total = simd_shuffle(before + own, ushort(31));
        } else {
            if (thread_index_in_simdgroup == 31) { sums[simdgroup_index_in_threadgroup] = before + own; }
            threadgroup_barrier(mem_flags::mem_threadgroup);
            float part = thread_index_in_simdgroup < G / 32 ? sums[thread_index_in_simdgroup] : 0.0f;
            total = simd_sum(part);
            before += simd_shuffle(sum_before(part, thread_index_in_simdgroup), ushort(simdgroup_index_in_threadgroup));
            threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        uint at = from + (u * G + t) * V;
        if (at < D) {
            for (int k = 0; k < V; ++k) { v[u * V + k] += carry + before; }
            store<V>(out + base + at, v + u * V);
        }
        carry += total;
    }
}
`})

// fiveOfLanes takes the five greatest of those that the lanes of a row have in
// order, of equal ones the first.
const fiveOfLanes = `for (int i = 0; i < 5; ++i) {
    uint best = simd_max(keys[0]);
    uint place = simd_min(keys[0] == best ? places[0] : 0xffffffffu);
    if (lane == 0) {
        values[size_t(row) * 5 + i] = T(unordered(best));
        indices[size_t(row) * 5 + i] = place;
    }
    if (places[0] == place) {
        for (int k = 0; k < 4; ++k) {
            keys[k] = keys[k + 1];
            places[k] = places[k + 1];
        }
        keys[4] = 0;
        places[4] = 0xffffffffu;
    }
}
`

// A simdgroup takes a row. The fifth greatest of the greatest elements of each
// lane is no greater than the fifth greatest of the row, so that in a second
// walk only the few elements that are no smaller have to be put in order.
var top5Kernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "top5", InputNames: []string{"x"}, OutputNames: []string{"values", "indices"}, Header: kernelHeader,
	Source: `
uint D = x_shape[x_ndim - 1], R = uint(x_shape[0]);
uint row = thread_position_in_grid.x / 32, lane = thread_index_in_simdgroup;
if (row >= R) { return; }
const device T* p = x + size_t(row) * D;
uint greatest = 0;
for (uint at = lane * V; at < D; at += 32 * V) {
    float v[V];
    load<V>(p + at, v);
    for (int k = 0; k < V; ++k) { greatest = max(greatest, ordered(v[k])); }
}
uint least = 0, own = greatest;
for (int i = 0; i < 5; ++i) {
    least = simd_max(own);
    uint first = simd_min(own == least ? lane : 32u);
    if (lane == first) { own = 0; }
}
uint keys[5] = {0, 0, 0, 0, 0};
uint places[5] = {0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu};
for (uint at = lane * V; at < D; at += 32 * V) {
    float v[V];
    load<V>(p + at, v);
    for (int k = 0; k < V; ++k) {
        uint key = ordered(v[k]);
        if (key < least) { continue; }
        uint place = at + k, entry = key;
        for (int i = 0; i < 5; ++i) {
            bool greater = entry > keys[i];
            uint a = keys[i], b = places[i];
            keys[i] = greater ? key : a;
            places[i] = greater ? place : b;
            key = greater ? a : key;
            place = greater ? b : place;
        }
    }
}
` + fiveOfLanes})

// A simdgroup takes a row, N vectors of it a lane. The fifth greatest of the
// lanes' greatest elements is no greater than the fifth greatest of the row, so
// that few elements are left to be put in order: those that are no smaller, of
// vectors that have such. Where they are many, because they are equal, every
// lane keeps its own five.
var top5WideKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "top5_wide", InputNames: []string{"x"}, OutputNames: []string{"values", "indices"}, Header: kernelHeader,
	Source: `
const uint most = 64;
uint D = uint(x_shape[x_ndim - 1]) / V * V, R = uint(x_shape[0]);
uint row = thread_position_in_grid.x / 32, lane = thread_index_in_simdgroup, own = simdgroup_index_in_threadgroup;
threadgroup uint keys_of[S * most], places_of[S * most];
threadgroup atomic_uint counts[S];
if (row >= R) { return; }
const device T* p = x + size_t(row) * D;
uint greatest[N], key = 0;
for (int n = 0; n < N; ++n) {
    uint at = (n * 32 + lane) * V;
    greatest[n] = 0;
    if (at < D) {
        float v[V];
        load<V>(p + at, v);
        float m = v[0];
        bool nan = isnan(v[0]);
        for (int k = 1; k < V; ++k) {
            m = max(m, v[k]);
            nan = nan || isnan(v[k]);
        }
        greatest[n] = nan ? 0xffffffffu : ordered(m);
    }
    key = max(key, greatest[n]);
}
if (lane == 0) { atomic_store_explicit(&counts[own], 0u, memory_order_relaxed); }
uint least = 0;
for (int i = 0; i < 5; ++i) {
    least = simd_max(key);
    uint first = simd_min(key == least ? lane : 32u);
    if (lane == first) { key = 0; }
}
simdgroup_barrier(mem_flags::mem_threadgroup);
float bound = unordered(least);
for (int n = 0; n < N; ++n) {
    if (greatest[n] >= least && greatest[n] > 0) {
        uint at = (n * 32 + lane) * V;
        float v[V];
        load<V>(p + at, v);
        for (int k = 0; k < V; ++k) {
            if (!(v[k] < bound)) {
                uint u = ordered(v[k]);
                if (u >= least) {
                    uint to = atomic_fetch_add_explicit(&counts[own], 1u, memory_order_relaxed);
                    if (to < most) {
                        keys_of[own * most + to] = u;
                        places_of[own * most + to] = at + k;
                    }
                }
            }
        }
    }
}
simdgroup_barrier(mem_flags::mem_threadgroup);
uint count = atomic_load_explicit(&counts[own], memory_order_relaxed);
uint keys[5] = {0, 0, 0, 0, 0};
uint places[5] = {0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu};
if (count <= most) {
    for (int i = 0; i < 2; ++i) {
        if (lane + i * 32 < count) {
            keys[i] = keys_of[own * most + lane + i * 32];
            places[i] = places_of[own * most + lane + i * 32];
        }
    }
    bool swap = keys[1] > keys[0] || (keys[1] == keys[0] && places[1] < places[0]);
    uint k0 = keys[0], p0 = places[0];
    keys[0] = swap ? keys[1] : k0;
    places[0] = swap ? places[1] : p0;
    keys[1] = swap ? k0 : keys[1];
    places[1] = swap ? p0 : places[1];
} else {
    for (uint at = lane * V; at < D; at += 32 * V) {
        float v[V];
        load<V>(p + at, v);
        for (int k = 0; k < V; ++k) {
            uint u = ordered(v[k]), place = at + k, entry = u;
            for (int i = 0; i < 5; ++i) {
                bool greater = entry > keys[i];
                uint a = keys[i], b = places[i];
                keys[i] = greater ? u : a;
                places[i] = greater ? place : b;
                u = greater ? a : u;
                place = greater ? b : place;
            }
        }
    }
}
` + fiveOfLanes})

// The same for a CPU, where what all lanes share costs little: elements that are
// no smaller than the bound, and NaN, are put in order one after the other.
var top5LaneKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "top5_lane", InputNames: []string{"x"}, OutputNames: []string{"values", "indices"}, Header: kernelHeader,
	Source: `
uint D = x_shape[x_ndim - 1];
uint row = thread_position_in_grid.x / 32, lane = thread_index_in_simdgroup;
const device T* p = x + size_t(row) * D;
float greatest = -INFINITY;
for (uint at = lane; at < D; at += 32) {
    float v = float(p[at]);
    greatest = v > greatest ? v : greatest;
}
float bound = -INFINITY;
for (int i = 0; i < 5; ++i) {
    bound = simd_max(greatest);
    uint first = ctz(uint(ulong(simd_ballot(greatest == bound))));
    if (lane == first) { greatest = -INFINITY; }
}
uint keys[5] = {0, 0, 0, 0, 0};
uint places[5] = {0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu};
for (uint from = 0; from < D; from += 32) {
    uint at = from + lane;
    bool found = false;
    if (at < D) { found = !(float(p[at]) < bound); }
    for (uint hits = uint(ulong(simd_ballot(found))); hits != 0; hits &= hits - 1) {
        uint place = from + ctz(hits);
        uint key = ordered(float(p[place]));
        uint entry = key;
        if (entry <= keys[4]) { continue; }
        for (int i = 0; i < 5; ++i) {
            bool greater = entry > keys[i];
            uint a = keys[i], b = places[i];
            keys[i] = greater ? key : a;
            places[i] = greater ? place : b;
            key = greater ? a : key;
            place = greater ? b : place;
        }
    }
}
uint key = keys[4], place = places[4];
for (int i = 0; i < 4; ++i) {
    key = lane == uint(i) ? keys[i] : key;
    place = lane == uint(i) ? places[i] : place;
}
if (lane < 5) {
    values[size_t(row) * 5 + lane] = T(unordered(key));
    indices[size_t(row) * 5 + lane] = place;
}
`})

// G threads take a row, and N vectors of it each. An index outside adds nothing.
var gatherAddKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "gather_add", InputNames: []string{"src", "index", "other"}, OutputNames: []string{"out"}, Header: kernelHeader,
	Source: `
uint D = uint(src_shape[1]) / V * V;
uint i = thread_position_in_grid.x / G, t = thread_position_in_grid.x % G;
int at = index[i];
bool inside = at >= 0 && at < src_shape[0];
size_t to = size_t(i) * D, from = size_t(inside ? at : 0) * D;
float a[N * V], b[N * V];
for (int n = 0; n < N; ++n) {
    uint j = (n * G + t) * V;
    if (j < D) {
        load<V>(other + to + j, a + n * V);
        load<V>(src + from + j, b + n * V);
    }
}
for (int n = 0; n < N; ++n) {
    uint j = (n * G + t) * V;
    for (int k = 0; k < V; ++k) { a[n * V + k] += inside ? b[n * V + k] : 0.0f; }
    if (j < D) { store<V>(out + to + j, a + n * V); }
}
`})

// The same for a CPU: a simdgroup takes R rows at once, since it waits for memory
// at the start of each.
var gatherAddRowsKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "gather_add_rows", InputNames: []string{"src", "index", "other"}, OutputNames: []string{"out"},
	Source: `
uint D = src_shape[1];
uint i = thread_position_in_grid.x / 32 * R;
size_t from[R];
bool inside[R];
for (int r = 0; r < R; ++r) {
    int at = index[i + r];
    inside[r] = at >= 0 && at < src_shape[0];
    from[r] = size_t(inside[r] ? at : 0) * D;
}
for (uint j = thread_index_in_simdgroup; j < D; j += 32) {
    for (int r = 0; r < R; ++r) {
        float v = 0.0f;
        if (inside[r]) { v = float(src[from[r] + j]); }
        size_t to = size_t(i + r) * D + j;
        out[to] = T(float(other[to]) + v);
    }
}
`})

// A threadgroup takes a row and reads it once: each thread has the greatest
// element that it saw and the sum of exponentials relative to that, which it
// scales anew for each U elements. A target outside gives NaN.
var crossEntropyKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "cross_entropy", InputNames: []string{"x", "targets"}, OutputNames: []string{"out"}, Header: kernelHeader,
	Source: `
uint D = x_shape[x_ndim - 1];
size_t row = threadgroup_position_in_grid.x;
const device T* p = x + row * D;
uint t = thread_position_in_threadgroup.x;
const float log2e = 1.44269504f;
threadgroup float mosts[32], sums[32];
float most = -INFINITY, sum = 0.0f;
for (uint from = t * V; from < D; from += G * V * U) {
    float v[V * U];
    float m = most;
    for (int u = 0; u < U; ++u) {
        uint at = from + u * G * V;
        if (at < D) {
            load<V>(p + at, v + u * V);
        } else {
            for (int k = 0; k < V; ++k) { v[u * V + k] = -INFINITY; }
        }
        for (int k = 0; k < V; ++k) { m = max(m, v[u * V + k]); }
    }
    float base = m == -INFINITY ? 0.0f : m * log2e;
    sum *= exp2(most * log2e - base);
    for (int k = 0; k < V * U; ++k) { sum += exp2(v[k] * log2e - base); }
    most = m;
}
float row_most = simd_max(most);
sum = simd_sum(row_most == -INFINITY ? 0.0f : sum * exp2((most - row_most) * log2e));
if constexpr (G > 32) {
    if (thread_index_in_simdgroup == 0) {
        mosts[simdgroup_index_in_threadgroup] = row_most;
        sums[simdgroup_index_in_threadgroup] = sum;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    bool used = thread_index_in_simdgroup < G / 32;
    most = used ? mosts[thread_index_in_simdgroup] : -INFINITY;
    sum = used ? sums[thread_index_in_simdgroup] : 0.0f;
    row_most = simd_max(most);
    sum = simd_sum(row_most == -INFINITY ? 0.0f : sum * exp2((most - row_most) * log2e));
}
if (t == 0) {
    int target = targets[row];
    out[row] = target >= 0 && uint(target) < D ? row_most + log(sum) - float(p[target]) : float(NAN);
}
`})

// Four threads take a row of 64 elements, four neighbours at a time. Each finds
// its two greatest; pairs of threads then join what they found. Rows with NaN,
// which is above all, are compared as integers.
var gatingKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "top2_gating", InputNames: []string{"x"}, OutputNames: []string{"weights", "experts"},
	Header: kernelHeader + `
template <typename K>
inline void top2(const thread K* v, uint part, thread K* greatest, thread uint* places) {
    bool swap = v[1] > v[0];
    K k0 = swap ? v[1] : v[0], k1 = swap ? v[0] : v[1];
    uint i0 = part * 4 + (swap ? 1 : 0), i1 = part * 4 + (swap ? 0 : 1);
    for (uint e = 2; e < 16; ++e) {
        uint at = (e / 4 * 4 + part) * 4 + e % 4;
        bool first = v[e] > k0, second = v[e] > k1;
        k1 = first ? k0 : second ? v[e] : k1;
        i1 = first ? i0 : second ? at : i1;
        k0 = first ? v[e] : k0;
        i0 = first ? at : i0;
    }
    for (ushort step = 1; step < 4; step *= 2) {
        K a0 = simd_shuffle_xor(k0, step), a1 = simd_shuffle_xor(k1, step);
        uint b0 = simd_shuffle_xor(i0, step), b1 = simd_shuffle_xor(i1, step);
        // The winner's second competes with the loser's first.
        bool other = a0 > k0 || (a0 == k0 && b0 < i0);
        K lk = other ? k0 : a0, wk = other ? a1 : k1;
        uint li = other ? i0 : b0, wi = other ? b1 : i1;
        k0 = other ? a0 : k0;
        i0 = other ? b0 : i0;
        bool loser = lk > wk || (lk == wk && li < wi);
        k1 = loser ? lk : wk;
        i1 = loser ? li : wi;
    }
    greatest[0] = k0;
    greatest[1] = k1;
    places[0] = i0;
    places[1] = i1;
}

inline void join(thread float* most, ushort step) {
    float a0 = simd_shuffle_xor(most[0], step), a1 = simd_shuffle_xor(most[1], step);
    most[1] = max(min(most[0], a0), max(most[1], a1));
    most[0] = max(most[0], a0);
}

inline uint place(uint bits, uint part) {
    uint e = ctz(bits);
    return bits == 0 ? 64u : (e / 4 * 4 + part) * 4 + e % 4;
}

inline uint least(uint x) {
    x = min(x, uint(simd_shuffle_xor(x, ushort(1))));
    return min(x, uint(simd_shuffle_xor(x, ushort(2))));
}
`,
	Source: `
size_t row = thread_position_in_grid.x / 4;
uint part = thread_position_in_grid.x % 4;
const device float* p = x + row * 64;
float v[16], most[2];
uint at[2];
float all = 0.0f;
for (uint n = 0; n < 4; ++n) {
    float4 four = *(const device float4*)(p + (n * 4 + part) * 4);
    for (uint k = 0; k < 4; ++k) {
        v[n * 4 + k] = four[k];
        all += four[k];
    }
}
if (simd_any(isnan(all))) {
    uint keys[16], key[2];
    for (uint k = 0; k < 16; ++k) { keys[k] = ordered(v[k]); }
    top2(keys, part, key, at);
    most[0] = unordered(key[0]);
    most[1] = unordered(key[1]);
} else {
    most[0] = max(v[0], v[1]);
    most[1] = min(v[0], v[1]);
    for (uint e = 2; e < 16; ++e) {
        most[1] = max(most[1], min(most[0], v[e]));
        most[0] = max(most[0], v[e]);
    }
    join(most, 1);
    join(most, 2);
    float ones = 0.0f, twos = 0.0f; // the places of both, as bits
    for (uint e = 0; e < 16; ++e) {
        ones = fma(float(v[e] == most[0]), float(1u << e), ones);
        twos = fma(float(v[e] == most[1]), float(1u << e), twos);
    }
    uint first = uint(ones), second = uint(twos);
    uint own = place(first, part);
    at[0] = least(own);
    if (own == at[0] && most[0] == most[1]) { second &= second - 1; }
    at[1] = least(place(second, part));
}
if (part == 0) {
    float e = exp(most[1] - most[0]);
    float s = 1.0f / (1.0f + e);
    *(device float2*)(weights + row * 2) = float2(s, e * s);
    *(device uint2*)(experts + row * 2) = uint2(at[0], at[1]);
}
`})

// The textbook way: 256 threads a row, a tree in threadgroup memory.
var rmsNormTreeKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "rmsnorm_tree", InputNames: []string{"x", "w", "eps"}, OutputNames: []string{"out"},
	Source: `
uint D = x_shape[x_ndim - 1];
size_t base = size_t(threadgroup_position_in_grid.x) * D;
uint t = thread_position_in_threadgroup.x;
threadgroup float sums[256];
float sum = 0.0f;
for (uint j = t; j < D; j += 256) {
    float v = float(x[base + j]);
    sum += v * v;
}
sums[t] = sum;
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint half_count = 128; half_count > 0; half_count /= 2) {
    if (t < half_count) { sums[t] += sums[t + half_count]; }
    threadgroup_barrier(mem_flags::mem_threadgroup);
}
float scale = rsqrt(sums[0] / float(D) + eps);
for (uint j = t; j < D; j += 256) {
    out[base + j] = T(float(x[base + j]) * scale * float(w[j]));
}
`})

// G threads take every so-manieth row and hold N*V columns each: the row as it
// lies in memory, and their part of the sums over rows. S such rows share a
// threadgroup. F says that rows have exactly G*N*V elements. The last W vectors
// of weights are in threadgroup memory.
//
// The next row is loaded once this one was taken apart. Compilers put these
// loads off until the end of the turn, unless they would have to move them over a
// division by a number that they do not know; where N is 1, registers are left
// for loads that early, and D is such a number. The first E vectors are loaded
// before the sums of the row at hand.
var rmsNormBackwardKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "rmsnorm_backward", InputNames: []string{"x", "w", "g", "eps"}, OutputNames: []string{"dx", "partial"}, Header: kernelHeader,
	Source: `
uint D = x_shape[x_ndim - 1], R = x_shape[0];
uint width = F ? uint(G * N * V) : D / V * V;
uint t = thread_position_in_threadgroup.x % G, own = thread_position_in_threadgroup.x / G;
uint step = threads_per_grid.x / G;
uint zero = threads_per_grid.y - 1;
threadgroup float2 parts[64];
threadgroup float sums[S > 1 ? S * G * N * V : 1];
threadgroup packed<V, T> weights[W > 0 ? G * W : 1];
packed<V, T> xr[N], gr[N], wr[N];
float dw[N * V];
uint first = threadgroup_position_in_grid.x * S;
for (int n = 0; n < N; ++n) {
    uint at = (n * G + t) * V;
    for (int k = 0; k < V; ++k) { dw[n * V + k] = 0.0f; }
    if (F || at < width) { wr[n].get(w + at); }
    if (n >= N - W) { weights[(n - (N - W)) * G + t] = wr[n]; }
    if ((F || at < width) && first + own < R) {
        xr[n].get(x + size_t(first + own) * width + at);
        gr[n].get(g + size_t(first + own) * width + at);
    }
}
uint turn = 0;
for (; first < R; first += step) {
    uint row = first + own, next = row + step;
    size_t base = size_t(row) * width;
    float squares = 0.0f, product = 0.0f;
    for (int n = 0; n < N; ++n) {
        if (n >= N - W) { wr[n] = weights[(n - (N - W)) * G + t]; }
        for (int k = 0; k < V; ++k) {
            float a = xr[n].at(k);
            squares = fma(a, a, squares);
            product = fma(a, gr[n].at(k) * wr[n].at(k), product);
        }
    }
    packed<V, T> xn[E > 0 ? E : 1], gn[E > 0 ? E : 1];
    for (int n = 0; n < E; ++n) {
        uint at = (n * G + t) * V;
        if ((F || at < width) && next < R) {
            xn[n].get(x + size_t(next) * width + at);
            gn[n].get(g + size_t(next) * width + at);
        }
    }
    squares = simd_sum(squares);
    product = simd_sum(product);
    if constexpr (G > 32) {
        // Turns take two halves of parts, so that one barrier is enough.
        if (thread_index_in_simdgroup == 0) { parts[turn + simdgroup_index_in_threadgroup] = float2(squares, product); }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        float2 part = thread_index_in_simdgroup < G / 32 ? parts[turn + own * (G / 32) + thread_index_in_simdgroup] : float2(0.0f);
        squares = simd_sum(part.x);
        product = simd_sum(part.y);
        turn ^= 32;
    }
    float count = float(F && N > 1 && E == 0 ? width : D);
    float s = rsqrt(squares / count + eps);
    float c = s * s * product / count;
    for (int n = 0; n < N; ++n) {
        uint at = (n * G + t) * V;
        float r[V];
        packed<V, T> xc = xr[n], gc = gr[n];
        if (n < E) {
            xr[n] = xn[n];
            gr[n] = gn[n];
        } else if ((F || at < width) && next < R) {
            xr[n].get(x + size_t(next) * width + at);
            gr[n].get(g + size_t(next) * width + at);
        }
        if (n >= N - W) { wr[n] = weights[(n - (N - W)) * G + t]; }
        xc.hide(zero);
        gc.hide(zero);
        wr[n].hide(zero);
        for (int k = 0; k < V; ++k) {
            float a = xc.at(k) * s, b = gc.at(k);
            dw[n * V + k] = fma(b, a, dw[n * V + k]);
            r[k] = fma(b * wr[n].at(k), s, -(a * c));
        }
        if ((F || at < width) && (S == 1 || row < R)) { store<V>(dx + base + at, r); }
    }
}
size_t to = size_t(threadgroup_position_in_grid.x) * width;
if constexpr (S == 1) {
    for (int n = 0; n < N; ++n) {
        uint at = (n * G + t) * V;
        if (F || at < width) {
            const int most = V < 4 ? 1 : 4;
            for (int k = 0; k < V; k += most) { store<most>(partial + to + at + k, dw + n * V + k); }
        }
    }
} else {
    for (int n = 0; n < N; ++n) {
        for (int k = 0; k < V; ++k) { sums[(own * N + n) * (G * V) + t * V + k] = dw[n * V + k]; }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint at = thread_position_in_threadgroup.x; at < width; at += G * S) {
        float sum = 0.0f;
        for (int k = 0; k < S; ++k) { sum += sums[k * (G * N * V) + at]; }
        partial[to + at] = sum;
    }
}
`})

// A threadgroup takes 32 columns, and each of its simdgroups every so-manieth
// row of them, U of which are loaded at once.
var columnSumKernel = zmlx.MustCompile(zmlx.Kernel{
	Name: "column_sum", InputNames: []string{"partial"}, OutputNames: []string{"out"},
	Source: `
uint R = partial_shape[0], D = partial_shape[1];
uint column = threadgroup_position_in_grid.x * 32 + thread_index_in_simdgroup;
threadgroup float sums[32][33];
float sum = 0.0f;
if (column < D) {
    for (uint r = simdgroup_index_in_threadgroup; r < R; r += U * simdgroups_per_threadgroup) {
        float v[U];
        for (int k = 0; k < U; ++k) {
            uint at = r + k * simdgroups_per_threadgroup;
            v[k] = 0.0f;
            if (at < R) { v[k] = partial[at * D + column]; }
        }
        for (int k = 0; k < U; ++k) { sum += v[k]; }
    }
}
sums[simdgroup_index_in_threadgroup][thread_index_in_simdgroup] = sum;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (simdgroup_index_in_threadgroup == 0 && column < D) {
    sum = 0.0f;
    for (uint k = 0; k < simdgroups_per_threadgroup; ++k) { sum += sums[k][thread_index_in_simdgroup]; }
    out[column] = T(sum);
}
`})
