// This file implements the shared snippets of Metal text.

package classic

// Header returns functions for the header of any kernel: kk_sigmoid, kk_silu,
// kk_gelu_tanh, kk_softplus and kk_relu. Each takes and returns a number of any
// float type, and computes in float, or in the type itself if that is wider:
// kk_silu of a half is exact to the half's last digit where 1 + exp(-x) would
// overflow. Ops of this package have them unless [Options].Header is set. It
// does no harm to have it twice in one header.
func Header() string { return header }

const header = `#ifndef KK_HEADER
#define KK_HEADER
template <typename U, bool wide = (sizeof(U) > 4)>
struct kk_compute { typedef float type; };
template <typename U>
struct kk_compute<U, true> { typedef U type; };

template <typename U>
inline U kk_relu(U x) {
    return x < U(0) ? U(0) : x;
}

template <typename U>
inline U kk_sigmoid(U x) {
    typedef typename kk_compute<U>::type F;
    F v = F(x);
    F e = metal::exp(-metal::abs(v));
    F p = F(1) / (F(1) + e);
    return U(v < F(0) ? e * p : p);
}

template <typename U>
inline U kk_silu(U x) {
    typedef typename kk_compute<U>::type F;
    return U(F(x) * kk_sigmoid(F(x)));
}

template <typename U>
inline U kk_gelu_tanh(U x) {
    typedef typename kk_compute<U>::type F;
    F v = F(x);
    F u = (F(0.797884583f) + F(-2.26703403e-08f)) * (v + F(44715) / F(1000000) * v * v * v);
    return U(v * kk_sigmoid(u + u));
}

template <typename U>
inline U kk_softplus(U x) {
    typedef typename kk_compute<U>::type F;
    F v = F(x);
    F e = metal::exp(-metal::abs(v));
    F w = F(1) + e;
    F l = w == F(1) ? e : metal::log(w) * (e / (w - F(1)));
    return U((v < F(0) ? F(0) : v) + l);
}
#endif
`
