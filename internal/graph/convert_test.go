package graph

import (
	"context"
	"math"
	"math/big"
	"testing"
	"unsafe"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/launch/remote"
	"github.com/zmlx-go/zmlx/internal/shape"
	"pgregory.net/rapid"
)

// samples holds awkward elements of every dtype.
var samples = map[dtype.DType][]byte{
	dtype.Bool:      {0, 1},
	dtype.Uint8:     {0, 1, 127, 128, 255},
	dtype.Uint16:    raw([]uint16{0, 1, 255, 256, 2049, 32768, 65519, 65520, 65535}),
	dtype.Uint32:    raw([]uint32{0, 1, 65536, 1<<24 + 1, 1<<31 - 1, 1 << 31, math.MaxUint32}),
	dtype.Uint64:    raw([]uint64{0, 1, 1<<24 + 1, 1<<53 + 1, 1<<63 - 1, 1 << 63, 1<<63 + 1025, math.MaxUint64}),
	dtype.Int8:      raw([]int8{0, 1, -1, 127, -128}),
	dtype.Int16:     raw([]int16{0, 1, -1, 257, 32767, -32768}),
	dtype.Int32:     raw([]int32{0, 1, -1, 1<<24 + 1, -1<<24 - 1, math.MaxInt32, math.MinInt32}),
	dtype.Int64:     raw([]int64{0, 1, -1, 1<<24 + 1, 1<<53 + 1, -1<<53 - 1, math.MaxInt64, math.MinInt64}),
	dtype.Float16:   raw([]half.Float16{0, 0x8000, 1, 0x3c00, 0xbc00, 0x3e00, 0xbe00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00}),
	dtype.BFloat16:  raw([]half.BFloat16{0, 0x8000, 1, 0x3f80, 0xbf80, 0x4b80, 0x5f80, 0xdf80, 0x7f7f, 0x7f80, 0xff80, 0x7fc0}),
	dtype.Float32:   raw([]float32{0, float32(math.Copysign(0, -1)), 1.5, -1.5, 0.99, -0.99, 255.5, 256, -128.9, 65504, 65520, 2147483648, -2147483648, 4294967296, 9.3e18, 1.9e19, 3e38, 1e-40, inf32, -inf32, float32(math.NaN())}),
	dtype.Float64:   raw([]float64{0, 0.1, -0.1, 1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-24 + 0x1p-50, 2147483647.5, -2147483648.5, 1e300, -1e300, 1e-300, math.Inf(1), math.Inf(-1), math.NaN()}),
	dtype.Complex64: raw([]complex64{0, 1, 2i, 1.5 + 2i, complex(inf32, 1), complex(float32(math.NaN()), 0)}),
}

var inf32 = float32(math.Inf(1))

func raw[T any](s []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(zero)))
}

// An exact number, or one of the values that no rational is.
type number64 struct {
	r        *big.Rat
	nan      bool
	infinite int
	negZero  bool
	nonzero  bool // as a bool
}

// exact reads element k of dtype d.
func exact(p []byte, d dtype.DType, k int) number64 {
	fromFloat := func(f float64) number64 {
		switch {
		case math.IsNaN(f):
			return number64{nan: true, nonzero: true}
		case math.IsInf(f, 0):
			return number64{infinite: int(math.Copysign(1, f)), nonzero: true}
		}
		return number64{r: new(big.Rat).SetFloat64(f), negZero: f == 0 && math.Signbit(f), nonzero: f != 0}
	}
	fromInt := func(i int64) number64 { return number64{r: new(big.Rat).SetInt64(i), nonzero: i != 0} }
	fromUint := func(u uint64) number64 { return number64{r: new(big.Rat).SetUint64(u), nonzero: u != 0} }
	switch d {
	case dtype.Bool, dtype.Uint8:
		return fromUint(uint64(p[k]))
	case dtype.Uint16:
		return fromUint(uint64(Slice[uint16](p)[k]))
	case dtype.Uint32:
		return fromUint(uint64(Slice[uint32](p)[k]))
	case dtype.Uint64:
		return fromUint(Slice[uint64](p)[k])
	case dtype.Int8:
		return fromInt(int64(Slice[int8](p)[k]))
	case dtype.Int16:
		return fromInt(int64(Slice[int16](p)[k]))
	case dtype.Int32:
		return fromInt(int64(Slice[int32](p)[k]))
	case dtype.Int64:
		return fromInt(Slice[int64](p)[k])
	case dtype.Float16:
		return fromFloat(Slice[half.Float16](p)[k].Float64())
	case dtype.BFloat16:
		return fromFloat(Slice[half.BFloat16](p)[k].Float64())
	case dtype.Float32:
		return fromFloat(float64(Slice[float32](p)[k]))
	case dtype.Float64:
		return fromFloat(Slice[float64](p)[k])
	}
	z := Slice[complex64](p)[k]
	n := fromFloat(float64(real(z)))
	n.nonzero = z != 0
	return n
}

// nearest rounds r to a binary format with a number of significant bits and
// exponents, ties to even, by the definition.
func nearest(r *big.Rat, bits, least, most int) float64 {
	if r.Sign() == 0 {
		return 0
	}
	abs := new(big.Rat).Abs(r)
	e := abs.Num().BitLen() - abs.Denom().BitLen()
	if abs.Cmp(power(e)) < 0 {
		e--
	}
	unit := power(max(e, least) - bits + 1)
	q := new(big.Rat).Quo(abs, unit)
	whole := new(big.Int).Quo(q.Num(), q.Denom())
	rest := new(big.Rat).Sub(q, new(big.Rat).SetInt(whole))
	if c := rest.Cmp(big.NewRat(1, 2)); c > 0 || c == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(1))
	}
	v := new(big.Rat).Mul(new(big.Rat).SetInt(whole), unit)
	f, _ := v.Float64()
	if v.Cmp(power(most+1)) >= 0 {
		f = math.Inf(1)
	}
	return math.Copysign(f, float64(r.Sign()))
}

func power(e int) *big.Rat {
	p := new(big.Int).Lsh(big.NewInt(1), uint(max(e, -e)))
	if e < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), p)
	}
	return new(big.Rat).SetInt(p)
}

// All pairs of dtypes against exact arithmetic.
func TestConvertAllPairs(t *testing.T) {
	for _, from := range dtype.All() {
		src := samples[from]
		n := len(src) / from.Size()
		for _, to := range dtype.All() {
			dst := make([]byte, n*to.Size())
			v := shape.New([]int{n})
			Convert(dst, to, v, src, from, v)
			for k := range n {
				x, y := exact(src, from, k), exact(dst, to, k)
				if want := converted(x, from, to); !same(y, want) {
					t.Errorf("%s to %s: %v gives %v, want %v", from, to, x, y, want)
				}
				if to == dtype.Complex64 && from != to && imag(Slice[complex64](dst)[k]) != 0 {
					t.Errorf("%s to %s: imaginary part of %v", from, to, x)
				}
			}
		}
	}
}

// converted gives the rules of Convert by the definition.
func converted(x number64, from, to dtype.DType) number64 {
	if from == to {
		return x
	}
	formats := map[dtype.DType][3]int{ // bits, exponents
		dtype.Float16: {11, -14, 15}, dtype.BFloat16: {8, -126, 127},
		dtype.Float32: {24, -126, 127}, dtype.Float64: {53, -1022, 1023}, dtype.Complex64: {24, -126, 127},
	}
	if to == dtype.Bool {
		if x.nonzero {
			return number64{r: big.NewRat(1, 1)}
		}
		return number64{r: new(big.Rat)}
	}
	if f, ok := formats[to]; ok {
		if x.r == nil {
			return x
		}
		r := x.r
		if to == dtype.BFloat16 && !from.IsFloat() && from != dtype.Complex64 {
			r = new(big.Rat).SetFloat64(nearest(r, 24, -126, 127))
		}
		v := nearest(r, f[0], f[1], f[2])
		if math.IsInf(v, 0) {
			return number64{infinite: int(math.Copysign(1, v))}
		}
		return number64{r: new(big.Rat).SetFloat64(v), negZero: x.negZero || v == 0 && x.r.Sign() < 0}
	}
	width := uint(8 * to.Size())
	lo, hi := new(big.Int), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), width), big.NewInt(1))
	if to >= dtype.Int8 {
		lo = new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), width-1))
		hi = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), width-1), big.NewInt(1))
	}
	var i *big.Int
	switch {
	case x.nan:
		i = new(big.Int)
	case x.infinite < 0:
		i = lo
	case x.infinite > 0:
		i = hi
	default:
		i = new(big.Int).Quo(x.r.Num(), x.r.Denom()) // towards zero
		if from.IsFloat() || from == dtype.Complex64 {
			if i.Cmp(lo) < 0 {
				i = lo
			} else if i.Cmp(hi) > 0 {
				i = hi
			}
		} else {
			mod := new(big.Int).Lsh(big.NewInt(1), width)
			i = new(big.Int).Mod(i, mod)
			if i.Cmp(hi) > 0 {
				i.Sub(i, mod)
			}
		}
	}
	return number64{r: new(big.Rat).SetInt(i)}
}

func same(a, b number64) bool {
	if a.nan != b.nan || a.infinite != b.infinite || a.negZero != b.negZero {
		return false
	}
	return a.r == nil || b.r == nil || a.r.Cmp(b.r) == 0
}

// The dense casts and the block casts agree, whatever the strides.
func TestConvertStrided(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := dtype.All()
		from, to := rapid.SampledFrom(all).Draw(t, "from"), rapid.SampledFrom(all).Draw(t, "to")
		n := rapid.IntRange(0, 600).Draw(t, "n")
		step := rapid.SampledFrom([]int{-2, -1, 0, 1, 3}).Draw(t, "step")
		src := make([]byte, 0, 3*600*8)
		for len(src) < 3*600*from.Size() {
			src = append(src, samples[from]...)
		}
		view := shape.View{Dims: []int{n}, Strides: []int{step}}
		if step < 0 {
			view.Offset = -step * n
		}
		dense := make([]byte, n*to.Size())
		Convert(dense, to, shape.New(view.Dims), src, from, view)
		one := make([]byte, to.Size())
		for k := range n {
			at := shape.View{Offset: view.Offset + k*step}
			Convert(one, to, shape.New(nil), src, from, at)
			if got := dense[k*to.Size() : (k+1)*to.Size()]; string(got) != string(one) {
				t.Fatalf("%s to %s, element %d: % x alone and % x among others", from, to, k, one, got)
			}
		}
	})
}

// What HostMover does in place StagedMover does through copies, and KernelMover
// with kernels.
func TestMoversAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "dims")
		all := dtype.All()
		from, to := rapid.SampledFrom(all).Draw(t, "from"), rapid.SampledFrom(all).Draw(t, "to")
		var results [4][]byte
		axes := rapid.Permutation([]int{0, 1, 2}[:len(dims)]).Draw(t, "axes")
		far := remote.New("remote", interp.New())
		defer far.Close()
		for i, kind := range []struct {
			raw   launch.Device
			mover Mover
		}{{&testDevice{}, nil}, {&testDevice{remote: true}, StagedMover{}}, {far, nil}, {far, nil}} {
			dev, err := NewDevice(kind.raw, kind.mover)
			if err != nil {
				t.Fatal(err)
			}
			if i == 3 { // as if arrays were larger than a grid can be
				dev.mover.(*KernelMover).most = 3
			}
			src, err := dev.NewView(Spec{from, dims})
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, src.Size()*from.Size())
			for k := 0; k < len(p); {
				k += copy(p[k:], samples[from])
			}
			if err := Write(src, p); err != nil {
				t.Fatal(err)
			}
			if src.View, err = src.Transpose(axes); err != nil {
				t.Fatal(err)
			}
			whole, err := dev.NewView(Spec{to, append([]int{2}, src.Dims...)})
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			if err := dev.Fill(ctx, whole, samples[to][:to.Size()]); err != nil {
				t.Fatal(err)
			}
			dst := whole
			if dst.View, err = whole.At([]int{1}); err != nil {
				t.Fatal(err)
			}
			if err := dev.Copy(ctx, dst, src); err != nil {
				t.Fatal(err)
			}
			back := whole // last to first, so that Read gathers
			if back.View, err = whole.Transpose(nil); err != nil {
				t.Fatal(err)
			}
			results[i] = make([]byte, whole.Size()*to.Size())
			if err := Read(results[i], back); err != nil {
				t.Fatal(err)
			}
		}
		if string(results[0]) != string(results[1]) || string(results[0]) != string(results[2]) || string(results[0]) != string(results[3]) {
			t.Fatalf("%s to %s: host % x\nstaged % x\nkernels % x\nin parts % x", from, to, results[0], results[1], results[2], results[3])
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	const n = 1 << 20
	for _, c := range []struct{ from, to dtype.DType }{
		{dtype.Float32, dtype.Float32}, {dtype.Float32, dtype.Float16}, {dtype.BFloat16, dtype.Float32},
		{dtype.Int32, dtype.Float32}, {dtype.Float32, dtype.Int8},
	} {
		b.Run(c.from.String()+"-"+c.to.String(), func(b *testing.B) {
			src, dst, v := make([]byte, n*c.from.Size()), make([]byte, n*c.to.Size()), shape.New([]int{n})
			b.SetBytes(int64(len(src) + len(dst)))
			for b.Loop() {
				Convert(dst, c.to, v, src, c.from, v)
			}
		})
	}
}
