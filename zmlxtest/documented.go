package zmlxtest

// This file implements cases after the kernels of MLX's own tests and
// documentation, written anew from what these say about them.

import (
	"math"

	"github.com/zmlx-go/zmlx"
)

const gridSampleHeader = `
template <typename T>
T pixel(const device T* image, int y, int x, int height, int width, int channels, int c, int n) {
  return x >= 0 && y >= 0 && x < width && y < height ? image[((n * height + y) * width + x) * channels + c] : T(0);
}
`

// sampling is the image (N, H, W, C) and the grid (N, P, Q, 2) of the grid
// sample kernels.
type sampling struct {
	n, h, w, c, p, q int
	image, grid      []float32
}

func newSampling() sampling {
	s := sampling{n: 2, h: 4, w: 5, c: 3, p: 3, q: 4}
	s.image = floats(210, s.n*s.h*s.w*s.c, -1, 1)
	s.grid = floats(211, s.n*s.p*s.q*2, -1.2, 1.2)
	return s
}

// corners calls f with the four pixels that a point of the grid lies between,
// and their weights.
func (s sampling) corners(point int, f func(y, x int, weight float64)) {
	ix := float64((s.grid[2*point] + 1) * float32(s.w))
	iy := float64((s.grid[2*point+1] + 1) * float32(s.h))
	ix, iy = float64(float32(ix)-1)/2, float64(float32(iy)-1)/2
	x0, y0 := math.Floor(ix), math.Floor(iy)
	for dy := range 2 {
		for dx := range 2 {
			x, y := x0+float64(dx), y0+float64(dy)
			if x >= 0 && y >= 0 && int(x) < s.w && int(y) < s.h {
				f(int(y), int(x), (1-math.Abs(x-ix))*(1-math.Abs(y-iy)))
			}
		}
	}
}

// forward returns the samples, (N, P, Q, C).
func (s sampling) forward() []float32 {
	return table(s.n*s.p*s.q*s.c, func(i int) float32 {
		point, c := i/s.c, i%s.c
		n := point / (s.p * s.q)
		sum := 0.0
		s.corners(point, func(y, x int, weight float64) { sum += weight * float64(s.image[((n*s.h+y)*s.w+x)*s.c+c]) })
		return float32(sum)
	})
}

// backward returns the gradients of the image and of the grid for those of the
// samples.
func (s sampling) backward(g []float32) (image, grid []float32) {
	gi, gg := make([]float64, len(s.image)), make([]float64, len(s.grid))
	for point := range s.n * s.p * s.q {
		n := point / (s.p * s.q)
		ix := (float64(s.grid[2*point]+1)*float64(s.w) - 1) / 2
		iy := (float64(s.grid[2*point+1]+1)*float64(s.h) - 1) / 2
		s.corners(point, func(y, x int, weight float64) {
			for c := range s.c {
				at := ((n*s.h+y)*s.w+x)*s.c + c
				cot := float64(g[point*s.c+c])
				gi[at] += weight * cot
				v := cot * float64(s.image[at])
				gg[2*point] += v * (1 - math.Abs(float64(y)-iy)) * pick(float64(x) > ix, 1.0, -1) * float64(s.w) / 2
				gg[2*point+1] += v * (1 - math.Abs(float64(x)-ix)) * pick(float64(y) > iy, 1.0, -1) * float64(s.h) / 2
			}
		})
	}
	narrow := func(v float64) float32 { return float32(v) }
	return mapped(gi, narrow), mapped(gg, narrow)
}

const gridSampleForward = `
uint e = thread_position_in_grid.x;
int height = a_shape[1], width = a_shape[2], channels = a_shape[3];
int per = b_shape[1] * b_shape[2];
int point = e / channels, c = e % channels, n = point / per;
T ix = ((b[2 * point] + 1) * width - 1) / 2;
T iy = ((b[2 * point + 1] + 1) * height - 1) / 2;
int x0 = floor(ix), y0 = floor(iy);
int x1 = x0 + 1, y1 = y0 + 1;
T left = x1 - ix, right = ix - x0, top = y1 - iy, bottom = iy - y0;
out[e] = top * left * pixel(a, y0, x0, height, width, channels, c, n)
       + top * right * pixel(a, y0, x1, height, width, channels, c, n)
       + bottom * left * pixel(a, y1, x0, height, width, channels, c, n)
       + bottom * right * pixel(a, y1, x1, height, width, channels, c, n);
`

const gridSampleBackward = `
uint e = thread_position_in_grid.x;
int height = a_shape[1], width = a_shape[2], channels = a_shape[3];
int padded = ceildiv(channels, threads_per_simdgroup) * threads_per_simdgroup;
int per = b_shape[1] * b_shape[2];
int point = e / padded, c = e % padded, n = point / per;
float ix = ((b[2 * point] + 1) * width - 1) / 2;
float iy = ((b[2 * point + 1] + 1) * height - 1) / 2;
float gx = 0, gy = 0;
for (int k = 0; k < 4; ++k) {
  int x = int(floor(ix)) + (k & 1), y = int(floor(iy)) + (k >> 1);
  if (c < channels && x >= 0 && x < width && y >= 0 && y < height) {
    int at = ((n * height + y) * width + x) * channels + c;
    float wx = 1 - abs(x - ix), wy = 1 - abs(y - iy), cot = c_[point * channels + c];
    atomic_fetch_add_explicit(&out0[at], wx * wy * cot, memory_order_relaxed);
    float v = cot * a[at];
    gx += x > ix ? v * wy : -v * wy;
    gy += y > iy ? v * wx : -v * wx;
  }
}
gx = simd_sum(gx * width / 2);
gy = simd_sum(gy * height / 2);
if (thread_index_in_simdgroup == 0) {
  atomic_fetch_add_explicit(&out1[2 * point], gx, memory_order_relaxed);
  atomic_fetch_add_explicit(&out1[2 * point + 1], gy, memory_order_relaxed);
}
`

func documentedCases() []Case {
	x := floats(212, 32, -2, 2)
	turned := table(32, func(i int) float32 { return x[i%4*8+i/4] }) // x as (4, 8), transposed
	exp := func(x float32) float32 { return float32(math.Exp(float64(x))) }
	s := newSampling()
	g := floats(213, s.n*s.p*s.q*s.c, -1, 1)
	gi, gg := s.backward(g)
	return []Case{
		kernel("doc_basic", "uint elem = thread_position_in_grid.x;\nout[elem] = a[elem];", in(dims(x, 4, 8)), dims(x, 4, 8)).grid(32, 1, 1).group(4, 1, 1),
		kernel("doc_arguments", `
uint elem = thread_position_in_grid.x;
T tmp = a[0];
if (e) {
  out0[elem] = tmp + b[2] + c[1] + d + f;
} else {
  out0[elem] = 1;
}
out1[elem] = a[1] + b[2] + c[1] - d;`, in(dims(floats(214, 4, 0, 4), 2, 2), []int32{1, 2, 3}, bf16s([]float32{5, 6}), scalar[float32](7.3)),
			dims(table(6, func(int) f16 { return f16s([]float32{r16(floats(214, 4, 0, 4)[0]) + 3 + 6 + 7.3 + 3})[0] }), 3, 2),
			dims(table(6, func(int) int32 { return int32(floats(214, 4, 0, 4)[1] + 3 + 6 - 7.3) }), 3, 2)).
			template("e", true, "f", 3, "T", zmlx.Float16).grid(6, 1, 1).group(2, 1, 1),
		documentedStrides("doc_strides_copied", "uint elem = thread_position_in_grid.x; uint loc = elem_to_loc(elem, a_shape, a_strides, a_ndim); T tmp = a[loc]; out[elem] = metal::precise::exp(tmp) * threads_per_simdgroup;", x, turned),
		documentedStrides("doc_strides_as_bound", "uint elem = thread_position_in_grid.x; uint loc = elem_to_loc(elem, a_shape, a_strides, a_ndim); T tmp = a[loc]; out[elem] = metal::precise::exp(tmp) * threads_per_simdgroup;", x, turned).asBound(),
		kernel("doc_helper", "uint elem = thread_position_in_grid.x;\nout[elem] = do_exp(a[elem]);", in(dims(x, 4, 8)), dims(mapped(x, exp), 4, 8)).grid(32, 1, 1).group(256, 1, 1).ulp(4).
			header("template <typename T>\nT do_exp(T x) {\n  return metal::precise::exp(x);\n}\n"),
		kernel("doc_attributes", "out[thread_position_in_grid.x] = threads_per_threadgroup.x;", in([]float32{0}), table(100, func(i int) uint32 { return pick[uint32](i < 64, 64, 36) })).grid(100, 1, 1).group(64, 1, 1),
		kernel("doc_caching", "uint elem = thread_position_in_grid.x;\nout[elem] = a[elem] + a[elem];", in(f16s(x)), mapped(f16s(x), func(x f16) f16 { return f16s([]float32{2 * x.Float32()})[0] })),
		kernel("doc_caching_of_floats", "uint elem = thread_position_in_grid.x;\nout[elem] = a[elem] + a[elem];", in(x), mapped(x, func(x float32) float32 { return 2 * x })),
		kernel("doc_math_mode", "#if defined(__FAST_MATH__) && __FAST_MATH__\nout[0] = 1;\n#else\nout[0] = 0;\n#endif", nil, []int32{0}),
		kernel("doc_exp_of_infinity", "uint elem = thread_position_in_grid.x; out[elem] = a[elem] * metal::exp(b[elem]);", in([]float32{1, 2, 3}, []float32{-inf, -inf, 0}), []float32{0, 0, 3}),
		kernel("doc_myexp", "uint elem = thread_position_in_grid.x;\nT tmp = a[elem];\nout[elem] = metal::exp(tmp);", in(dims(f16s(x), 4, 8)),
			dims(f16s(mapped(f16s(x), func(x f16) float32 { return exp(x.Float32()) })), 4, 8)).template("T", zmlx.Float16).grid(32, 1, 1).group(256, 1, 1).ulp(1),
		kernel("doc_grid_sample", gridSampleForward, in(dims(s.image, s.n, s.h, s.w, s.c), dims(s.grid, s.n, s.p, s.q, 2)), dims(s.forward(), s.n, s.p, s.q, s.c)).
			template("T", zmlx.Float32).header(gridSampleHeader).within(1e-5, 1e-5),
		kernel("doc_grid_sample_gradient", gridSampleBackward, in(dims(s.image, s.n, s.h, s.w, s.c), dims(s.grid, s.n, s.p, s.q, 2), dims(g, s.n, s.p, s.q, s.c)),
			dims(gi, s.n, s.h, s.w, s.c), dims(gg, s.n, s.p, s.q, 2)).
			named("a", "b", "c_").atomic().initial(0).grid(s.n*s.p*s.q*32, 1, 1).group(64, 1, 1).within(1e-5, 2e-5),
	}
}

func documentedStrides(name, body string, x, turned []float32) Case {
	c := kernel(name, body, in(dims(x, 4, 8)), dims(mapped(turned, func(x float32) float32 { return float32(math.Exp(float64(x)) * 32) }), 8, 4))
	return c.template("T", zmlx.Float32).grid(32, 1, 1).group(256, 1, 1).ulp(4).strided(transposed)
}
