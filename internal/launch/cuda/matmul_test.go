package cuda

// This file implements tests of matrix products, with a stand-in for the
// library that multiplies on the host.

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/cublaslt"
)

// fakeProducts makes the devices of the test find a stand-in for the library.
func fakeProducts(t *testing.T) {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("no C compiler for the stand-in: %v", err)
	}
	source := filepath.Join("cublaslt", "testdata", "fake.c")
	if _, err := os.Stat(source); err != nil {
		t.Skipf("the stand-in's source is not here: %v", err)
	}
	out := filepath.Join(t.TempDir(), "libcublasLt.so.13")
	if text, err := exec.Command(compiler, "-O1", "-shared", "-fPIC", "-DVERSION=130100", "-o", out, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Setenv("ZMLX_CUBLASLT", out)
}

// dense returns a matrix of a dense array of some lengths, the last two of
// which are its own.
func dense(b launch.Buffer, offset int, dims ...int) launch.Matrix {
	strides := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = n
		n *= dims[i]
	}
	last := len(dims) - 1
	m := launch.Matrix{Row: strides[last-1], Col: strides[last], Batch: strides[:last-1]}
	if b != nil {
		m.Arg = launch.Arg{Buffer: b, Offset: 4 * offset, Lo: 4 * offset, Hi: 4 * (offset + n)}
	}
	return m
}

func TestMatMul(t *testing.T) {
	fakeProducts(t)
	f := newFake(t)
	d := f.open(t, 0)
	testProducts(t, d)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	f.checkLeaks(t)
}

// testProducts multiplies small whole numbers, alone, in batches, and in
// batches that do not lie evenly.
func testProducts(t *testing.T, d *Device) {
	t.Helper()
	for _, batch := range [][]int{nil, {3}, {2, 3}, {2, 1, 3}} {
		const m, n, k = 4, 5, 6
		all := 1
		for _, x := range batch {
			all *= x
		}
		// The first axis of B's batch, if it has two or more, is of more than
		// is multiplied, so that the axes cannot be joined.
		gap := 1
		if len(batch) > 1 {
			gap = 2
		}
		a, b, out := mustAlloc(t, d, 4*(all*m*k+1)), mustAlloc(t, d, 4*gap*all*k*n), mustAlloc(t, d, 4*all*m*n)
		va, vb := make([]float32, all*m*k+1), make([]float32, gap*all*k*n)
		for i := range va {
			va[i] = float32(i%7 - 3)
		}
		for i := range vb {
			vb[i] = float32(i%5 - 2)
		}
		if err := errors.Join(a.Upload(0, floatBytes(va)), b.Upload(0, floatBytes(vb)), d.Fill(out, 0, out.Size(), []byte{0xff}), d.Sync()); err != nil {
			t.Fatal(err)
		}
		p := launch.MatMul{
			DType: dtype.Float32, Batch: batch, M: m, N: n, K: k,
			A:   dense(a, 1, append(slices.Clone(batch), m, k)...),
			B:   dense(b, 0, append(slices.Clone(batch), k, n)...),
			Out: dense(out, 0, append(slices.Clone(batch), m, n)...),
		}
		if gap > 1 {
			p.B.Batch = slices.Clone(p.B.Batch)
			p.B.Batch[0] *= gap
			p.B.Hi = b.Size()
		}
		if !d.Multiplies(p) {
			t.Fatalf("batch %v is not taken", batch)
		}
		if err := d.MatMul(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		want := make([]float32, all*m*n)
		for x := range all {
			from := x
			if gap > 1 {
				inside := all / batch[0]
				from = x/inside*gap*inside + x%inside
			}
			for i := range m {
				for j := range n {
					for l := range k {
						want[(x*m+i)*n+j] += va[1+(x*m+i)*k+l] * vb[(from*k+l)*n+j]
					}
				}
			}
		}
		got := make([]byte, 4*len(want))
		if err := out.Download(0, got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, floatBytes(want)) {
			t.Errorf("batch %v: wrong products", batch)
		}
		for _, b := range []launch.Buffer{a, b, out} {
			b.Free()
		}
	}
}

func TestMatMulRefused(t *testing.T) {
	f := newFake(t)
	t.Setenv("ZMLX_CUBLASLT", "off")
	none := f.open(t, 1)
	good := launch.MatMul{DType: dtype.Float32, M: 2, N: 2, K: 2, A: dense(nil, 0, 2, 2), B: dense(nil, 0, 2, 2), Out: dense(nil, 0, 2, 2)}
	if none.Multiplies(good) {
		t.Error("multiplies without the library")
	}
	if err := none.MatMul(t.Context(), good); !errors.Is(err, cublaslt.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	fakeProducts(t)
	d := f.open(t, 0)
	if !d.Multiplies(good) {
		t.Error("a plain product is not taken")
	}
	for name, change := range map[string]func(m *launch.MatMul){
		"integers": func(m *launch.MatMul) { m.DType = dtype.Int32 },
		"empty":    func(m *launch.MatMul) { m.M = 0 },
		"nothing":  func(m *launch.MatMul) { m.K = 0 },
		"uneven":   func(m *launch.MatMul) { m.A.Row, m.A.Col = 6, 3 },
		"many batches": func(m *launch.MatMul) {
			m.Batch = []int{100, 2}
			m.A.Batch, m.B.Batch, m.Out.Batch = []int{9, 4}, []int{9, 4}, []int{9, 4}
		},
	} {
		m := good
		change(&m)
		if d.Multiplies(m) {
			t.Errorf("%s: taken", name)
		}
	}
	if err := d.MatMul(t.Context(), good); err == nil {
		t.Error("multiplied without buffers")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if d.Multiplies(good) {
		t.Error("a closed device multiplies")
	}
}

func TestGPUMatMul(t *testing.T) {
	d := gpu(t, 0)
	if err := d.openProducts(); errors.Is(err, cublaslt.ErrNotFound) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	testProducts(t, d)
}

// TestGPUMatMulRecorded replays a product with other factors.
func TestGPUMatMulRecorded(t *testing.T) {
	d := gpu(t, 0)
	if err := d.openProducts(); errors.Is(err, cublaslt.ErrNotFound) {
		t.Skip(err)
	}
	a, b, out := mustAlloc(t, d, 16), mustAlloc(t, d, 16), mustAlloc(t, d, 16)
	p := launch.MatMul{DType: dtype.Float32, M: 2, N: 2, K: 2, A: dense(a, 0, 2, 2), B: dense(b, 0, 2, 2), Out: dense(out, 0, 2, 2)}
	g, err := d.Record(func() error { return d.MatMul(t.Context(), p) })
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Upload(0, floatBytes([]float32{1, 2, 3, 4})); err != nil {
		t.Fatal(err)
	}
	for x := range 3 {
		x := float32(x)
		if err := a.Upload(0, floatBytes([]float32{x, 0, 1, 1})); err != nil {
			t.Fatal(err)
		}
		if err := g.Launch(); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 16)
		if err := out.Download(0, got); err != nil {
			t.Fatal(err)
		}
		if want := []float32{x, 2 * x, 4, 6}; !slices.Equal(got, floatBytes(want)) {
			t.Errorf("replay %v: bytes %v, want those of %v", x, got, want)
		}
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
