package shape

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSize(t *testing.T) {
	for _, c := range []struct {
		dims []int
		want int
		err  string
	}{
		{nil, 1, ""},
		{[]int{}, 1, ""},
		{[]int{2, 3}, 6, ""},
		{[]int{2, 0, 3}, 0, ""},
		{[]int{math.MaxInt}, math.MaxInt, ""},
		{[]int{math.MaxInt, 2}, 0, "more elements"},
		{[]int{1 << 31, 1 << 31, 2}, 0, "more elements"}, // 2⁶³
		{[]int{1 << 32, 1 << 32}, 0, "more elements"},    // 2⁶⁴: wraps to 0
		{[]int{1 << 32, 0, 1 << 32}, 0, "more elements"}, // strides would wrap
		{[]int{2, -1}, 0, "negative dimension -1"},
		{[]int{0, math.MinInt}, 0, "negative"},
	} {
		got, err := Size(c.dims)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Size(%v): error %v, want %q", c.dims, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("Size(%v) = %d, %v, want %d", c.dims, got, err, c.want)
		}
	}
	if _, err := Bytes([]int{1 << 61}, 8); err == nil {
		t.Error("Bytes of 2⁶⁴ bytes: no error")
	}
	if n, err := Bytes([]int{3, 5}, 8); n != 120 || err != nil {
		t.Errorf("Bytes = %d, %v", n, err)
	}
}

// Positions that NumPy's range(*slice.indices(10)) gives.
func TestRange(t *testing.T) {
	const begin, end = math.MinInt, math.MaxInt
	for _, c := range []struct {
		r    Range
		want []int
	}{
		{Range{0, end, 1}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{Range{0, 0, 0}, nil},
		{Range{2, 5, 0}, []int{2, 3, 4}},
		{Range{-3, end, 1}, []int{7, 8, 9}},
		{Range{1, -1, 3}, []int{1, 4, 7}},
		{Range{end, begin, -1}, []int{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{Range{end, begin, -4}, []int{9, 5, 1}},
		{Range{-20, 3, 1}, []int{0, 1, 2}},
		{Range{3, -20, -1}, []int{3, 2, 1, 0}},
		{Range{5, 5, 1}, nil},
		{Range{5, 2, 1}, nil},
		{Range{2, 5, -1}, nil},
		{Range{0, end, end}, []int{0}},
		{Range{end, begin, begin}, []int{9}},
		{Range{12, 20, 1}, nil},
	} {
		start, step, n := c.r.resolve(10)
		var got []int
		for i := range n {
			got = append(got, start+i*step)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v of 10: %v, want %v", c.r, got, c.want)
		}
	}
	if _, _, n := (Range{0, end, 1}).resolve(0); n != 0 {
		t.Errorf("range of an empty axis has %d positions", n)
	}
}

func TestErrors(t *testing.T) {
	v := New([]int{2, 3})
	for name, f := range map[string]func() error{
		"3 ranges for an array of 2 dimensions":               func() error { _, err := v.Slice(make([]Range, 3)); return err },
		"position 2 is out of range for axis 0":               func() error { _, err := v.At([]int{2}); return err },
		"position -4 is out of range for axis 1":              func() error { _, err := v.At([]int{0, -4}); return err },
		"3 positions for an array of 2 dimensions":            func() error { _, err := v.At([]int{0, 0, 0}); return err },
		"axis 1 occurs twice":                                 func() error { _, err := v.Transpose([]int{1, -1}); return err },
		"1 axes":                                              func() error { _, err := v.Transpose([]int{1}); return err },
		"axis 2 is out of range":                              func() error { _, err := v.Transpose([]int{0, 2}); return err },
		"does not broadcast to [2 4]":                         func() error { _, err := v.Broadcast([]int{2, 4}); return err },
		"fewer dimensions":                                    func() error { _, err := v.Broadcast([]int{3}); return err },
		"negative dimension -2":                               func() error { _, err := v.Broadcast([]int{-2, 2, 3}); return err },
		"axis -4 is out of range":                             func() error { _, err := v.ExpandDims(-4); return err },
		"axis 1 has length 3, not 1":                          func() error { _, err := v.Squeeze([]int{1}); return err },
		"axis 5 is out of range":                              func() error { _, err := v.Squeeze([]int{5}); return err },
		"6 elements do not fill shape [4]":                    func() error { _, err := Infer([]int{4}, 6); return err },
		"6 elements do not fill shape [4 -1]":                 func() error { _, err := Infer([]int{4, -1}, 6); return err },
		"more than one -1 in shape [-1 -1]":                   func() error { _, err := Infer([]int{-1, -1}, 6); return err },
		"negative dimension -3":                               func() error { _, err := Infer([]int{-3, -2}, 6); return err },
		"0 elements do not fill shape [0 -1]":                 func() error { _, err := Infer([]int{0, -1}, 0); return err },
		"shapes do not broadcast":                             func() error { _, err := Join([]int{2}, []int{3}); return err },
		"more elements than an int can count":                 func() error { _, err := v.Broadcast([]int{math.MaxInt, 2, 3}); return err },
		"shape [9223372036854775807 9223372036854775807] has": func() error { _, err := Join([]int{math.MaxInt, 1}, []int{math.MaxInt}); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ a, b, want []int }{
		{nil, nil, nil},
		{[]int{3}, nil, []int{3}},
		{[]int{2, 1}, []int{3}, []int{2, 3}},
		{[]int{1}, []int{4, 0}, []int{4, 0}},
		{[]int{5, 1, 7}, []int{6, 1}, []int{5, 6, 7}},
	} {
		if got, err := Join(c.a, c.b); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("Join(%v, %v) = %v, %v, want %v", c.a, c.b, got, err, c.want)
		}
	}
}

func TestContiguous(t *testing.T) {
	for _, c := range []struct {
		v    View
		want bool
	}{
		{New(nil), true},
		{New([]int{2, 3}), true},
		{View{Dims: []int{2, 3}, Strides: []int{1, 2}}, false},
		{View{Dims: []int{1, 3}, Strides: []int{99, 1}, Offset: 4}, true},
		{View{Dims: []int{3}, Strides: []int{0}}, false},
		{View{Dims: []int{3, 0}, Strides: []int{7, 7}}, true},
		{View{Dims: []int{0, 3}, Strides: []int{7, 7}}, true},
		{View{Dims: []int{3}, Strides: []int{-1}, Offset: 2}, false},
	} {
		if got := c.v.Contiguous(); got != c.want {
			t.Errorf("%v: %v", c.v, got)
		}
	}
}

// Some reshapes need a copy and some do not.
func TestReshape(t *testing.T) {
	transposed, _ := New([]int{2, 3, 4}).Transpose([]int{1, 2, 0}) // 3,4,2 with strides 4,1,12
	repeated, _ := New([]int{1, 3}).Broadcast([]int{4, 3})
	for _, c := range []struct {
		v    View
		dims []int
		ok   bool
	}{
		{transposed, []int{12, 2}, true}, // the first two axes are one
		{transposed, []int{2, 6, 2}, true},
		{transposed, []int{12, 1, 2, 1}, true},
		{transposed, []int{3, 8}, false},
		{transposed, []int{24}, false},
		{repeated, []int{2, 2, 3}, true},
		{repeated, []int{12}, false},
	} {
		w, ok := c.v.Reshape(c.dims)
		if ok != c.ok {
			t.Errorf("%v to %v: %v", c.v, c.dims, ok)
		} else if ok && !slices.Equal(offsets(w), offsets(c.v)) {
			t.Errorf("%v to %v: %v moves elements", c.v, c.dims, w)
		}
	}
}

// offsets lists where the elements lie, in row-major order.
func offsets(v View) []int {
	out := []int{}
	Walk(v, v, func(n, i, si, j, sj int) bool {
		for k := range n {
			out = append(out, i+k*si)
		}
		return i == j && si == sj
	})
	return out
}

// naive lists the same by the definition.
func naive(v View) []int {
	out := []int{}
	for k := range v.Size() {
		at := v.Offset
		for i := len(v.Dims) - 1; i >= 0; i-- {
			at += k % v.Dims[i] * v.Strides[i]
			k /= v.Dims[i]
		}
		out = append(out, at)
	}
	return out
}

func TestWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "dims")
		v := View{Dims: dims, Offset: rapid.IntRange(0, 9).Draw(t, "offset")}
		for range dims {
			v.Strides = append(v.Strides, rapid.IntRange(-5, 5).Draw(t, "stride"))
		}
		if got, want := offsets(v), naive(v); !slices.Equal(got, want) {
			t.Fatalf("offsets %v, want %v", got, want)
		}
		lo, hi := v.Span()
		for _, at := range naive(v) {
			if at < lo || at >= hi {
				t.Fatalf("element at %d is outside the span [%d, %d)", at, lo, hi)
			}
		}
		consecutive := true
		for k, at := range naive(v) {
			consecutive = consecutive && at == v.Offset+k
		}
		if v.Size() > 0 && consecutive != v.Contiguous() {
			t.Fatalf("Contiguous is %v", v.Contiguous())
		}
		// Reshapes keep the order of elements.
		if n := v.Size(); n > 0 {
			var to []int
			for range 4 {
				d := rapid.SampledFrom(divisors(n)).Draw(t, "dim")
				to = append(to, d)
				n /= d
			}
			to = append(to, n)
			if w, ok := v.Reshape(to); ok && !slices.Equal(naive(w), naive(v)) {
				t.Fatalf("reshape to %v gives %v", to, w)
			}
		}
	})
}

func divisors(n int) []int {
	var d []int
	for i := 1; i <= n; i++ {
		if n%i == 0 {
			d = append(d, i)
		}
	}
	return d
}
