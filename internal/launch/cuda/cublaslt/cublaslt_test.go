package cublaslt

// This file implements tests with a stand-in for the library, which the
// machine's C compiler makes of testdata/fake.c.

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// fake returns a folder with a stand-in of the given version.
func fake(t *testing.T, version string) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("no C compiler for the stand-in: %v", err)
	}
	if !dl.Supported {
		t.Skip(dl.ErrUnsupported)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "libcublasLt.so.12")
	if text, err := exec.Command(cc, "-O1", "-shared", "-fPIC", "-DVERSION="+version, "-o", out, "testdata/fake.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return dir
}

// variable returns an exported variable of the stand-in.
func variable(t *testing.T, l *Lib, name string) *[8]uint64 {
	t.Helper()
	lib, err := dl.Open(l.Path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := lib.Sym(name)
	if err != nil {
		t.Fatal(err)
	}
	return *(**[8]uint64)(unsafe.Pointer(&p))
}

func open12(t *testing.T) (*Lib, *Handle) {
	t.Helper()
	t.Setenv("ZMLX_CUBLASLT", fake(t, "120803"))
	l, _, err := Open(12080, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.NewHandle()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if live := variable(t, l, "fake_live")[0]; live != 0 {
			t.Errorf("%d objects of the library were not destroyed", live)
		}
	})
	return l, h
}

// memory is what a matrix lies in: elements of any of the dtypes.
type memory struct {
	dtype dtype.DType
	data  []uint64
}

func newMemory(d dtype.DType, n int) memory { return memory{d, make([]uint64, n*d.Size()/8+1)} }

func (m memory) addr() uintptr { return uintptr(unsafe.Pointer(&m.data[0])) }

func (m memory) at(i int) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&m.data[0]), i*m.dtype.Size())
}

func (m memory) get(i int) float64 {
	switch m.dtype {
	case dtype.Float32:
		return float64(*(*float32)(m.at(i)))
	case dtype.Float64:
		return *(*float64)(m.at(i))
	}
	return (*(*half.BFloat16)(m.at(i))).Float64()
}

func (m memory) set(i int, v float64) {
	switch m.dtype {
	case dtype.Float32:
		*(*float32)(m.at(i)) = float32(v)
	case dtype.Float64:
		*(*float64)(m.at(i)) = v
	default:
		*(*half.BFloat16)(m.at(i)) = half.BFloat16FromFloat64(v)
	}
}

// TestMatMul multiplies small integers, which is exact, in matrices by rows and
// by columns, padded or not, of all lengths from 1.
func TestMatMul(t *testing.T) {
	l, h := open12(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, dt := range []dtype.DType{dtype.Float32, dtype.Float64, dtype.BFloat16} {
		for n := range 400 {
			p := Product{DType: dt, Batch: 1 + n%3, M: 1 + r.IntN(4), N: 1 + r.IntN(4), K: 1 + r.IntN(4)}
			matrix := func(rows, cols int, byRows, shared bool) (Matrix, memory) {
				pad := r.IntN(3)
				m := Matrix{Row: cols + pad, Col: 1}
				size := rows * m.Row
				if !byRows {
					m = Matrix{Row: 1, Col: rows + pad}
					size = cols * m.Col
				}
				if m.Batch = size + 1; shared {
					m.Batch = 0
				}
				mem := newMemory(dt, size+p.Batch*m.Batch)
				for i := range size + p.Batch*m.Batch {
					mem.set(i, float64(r.IntN(7)-3))
				}
				// Strides of single rows and columns are anything.
				if rows == 1 && r.IntN(2) == 0 {
					m.Row = r.IntN(20)
				}
				if cols == 1 && (byRows || rows == 1) && r.IntN(2) == 0 {
					m.Col = r.IntN(20)
				}
				m.Addr = mem.addr()
				return m, mem
			}
			var a, b, out memory
			p.A, a = matrix(p.M, p.K, n%2 == 0, n%5 == 0)
			p.B, b = matrix(p.K, p.N, n%4 < 2, n%7 == 0)
			p.Out, out = matrix(p.M, p.N, true, false)
			if !Takes(p) {
				t.Fatalf("%+v is not taken", p)
			}
			workspace := newMemory(dt, 64)
			if err := h.MatMul(77, workspace.addr(), 64, p); err != nil {
				t.Fatalf("%+v: %v", p, err)
			}
			for batch := range p.Batch {
				for i := range p.M {
					for j := range p.N {
						want := 0.0
						for k := range p.K {
							want += a.get(batch*p.A.Batch+i*p.A.Row+k*p.A.Col) * b.get(batch*p.B.Batch+k*p.B.Row+j*p.B.Col)
						}
						if got := out.get(batch*p.Out.Batch + i*p.Out.Row + j*p.Out.Col); got != want {
							t.Fatalf("%+v: product %d, element (%d, %d) is %v, want %v", p, batch, i, j, got, want)
						}
					}
				}
			}
		}
	}
	if got := variable(t, l, "fake_stream")[0]; got != 77 {
		t.Errorf("work went to stream %d", got)
	}
}

// TestTold checks what the library is told besides where matrices lie.
func TestTold(t *testing.T) {
	l, h := open12(t)
	told, asked := variable(t, l, "fake_told"), variable(t, l, "fake_heuristics")
	mem := newMemory(dtype.Float64, 1024)
	base := (mem.addr() + 255) &^ 255
	for _, c := range []struct {
		dtype dtype.DType
		tf32  bool
		a, b  uintptr // offsets
		size  int
		want  [8]uint64 // compute, scale, data, workspace, reduction, alignments
	}{
		{dtype.Float32, false, 0, 0, 512, [8]uint64{68, 0, 0, 512, 7, 256, 256, 256}},
		{dtype.Float32, true, 0, 4, 512, [8]uint64{77, 0, 0, 512, 7, 4, 256, 256}},
		{dtype.Float64, true, 8, 16, 0, [8]uint64{70, 1, 1, 0, 7, 16, 8, 256}},
		{dtype.BFloat16, false, 2, 64, 256, [8]uint64{68, 0, 14, 256, 2, 64, 2, 256}},
		{dtype.Float16, true, 6, 128, 256, [8]uint64{68, 0, 2, 256, 2, 128, 2, 256}},
	} {
		p := Product{DType: c.dtype, TF32: c.tf32, Batch: 1, M: 2, N: 2, K: 2}
		p.A = Matrix{Addr: base + c.a, Row: 2, Col: 1}
		p.B = Matrix{Addr: base + 256 + c.b, Row: 2, Col: 1}
		p.Out = Matrix{Addr: base + 1024, Row: 2, Col: 1}
		workspace := uintptr(0)
		if c.size > 0 {
			workspace = base + 2048
		}
		before := asked[0]
		for range 3 {
			if err := h.MatMul(1, workspace, c.size, p); err != nil {
				t.Fatal(err)
			}
		}
		if *told != c.want {
			t.Errorf("%s: told %v, want %v", c.dtype, *told, c.want)
		}
		if asked[0] != before+1 {
			t.Errorf("%s: asked for an algorithm %d times for three products that lie alike", c.dtype, asked[0]-before)
		}
	}
	runtime.KeepAlive(mem.data)
}

func TestRefused(t *testing.T) {
	l, h := open12(t)
	good := Product{DType: dtype.Float32, Batch: 2, M: 3, N: 4, K: 5}
	good.A, good.B, good.Out = Matrix{Row: 5, Col: 1, Batch: 15}, Matrix{Row: 4, Col: 1, Batch: 20}, Matrix{Row: 4, Col: 1, Batch: 12}
	if !Takes(good) {
		t.Error("a plain product is not taken")
	}
	for name, change := range map[string]func(p *Product){
		"integers":            func(p *Product) { p.DType = dtype.Int32 },
		"every other column":  func(p *Product) { p.A.Row, p.A.Col = 10, 2 },
		"backwards":           func(p *Product) { p.B.Row = -4 },
		"repeated rows":       func(p *Product) { p.A.Row = 0 },
		"out by columns":      func(p *Product) { p.Out.Row, p.Out.Col = 1, 3 },
		"all to the same out": func(p *Product) { p.Out.Batch = 0 },
		"nothing to add":      func(p *Product) { p.K = 0 },
		"no product":          func(p *Product) { p.Batch = 0 },
		"too long":            func(p *Product) { p.M = 1 << 31 },
		"batch backwards":     func(p *Product) { p.A.Batch = -15 },
	} {
		p := good
		change(&p)
		if Takes(p) {
			t.Errorf("%s: taken", name)
		}
		if err := h.MatMul(0, 0, 0, p); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	variable(t, l, "fake_refuse")[0] = 1
	defer func() { variable(t, l, "fake_refuse")[0] = 0 }()
	err := h.MatMul(0, 0, 0, good)
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != notSupported || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "CUBLAS_STATUS_NOT_SUPPORTED") {
		t.Errorf("error %v where there is no algorithm", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.MatMul(0, 0, 0, good); !errors.Is(err, errClosed) {
		t.Errorf("error %v of a closed handle", err)
	}
}

func TestOpen(t *testing.T) {
	old, new12, new13 := fake(t, "111000"), fake(t, "120803"), fake(t, "130100")
	empty := t.TempDir()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "libcublasLt.so.12"), []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, looked, err := open(12080, []Place{{Where: "a", Path: empty}, {Where: "b", Path: broken}, {Where: "c", Path: old}, {Where: "d", Path: new13}, {Where: "e", Path: new12}})
	if err != nil {
		t.Fatal(err)
	}
	if l.Version() != "12.8.3" || l.Major() != 12 || len(looked) != 5 || !looked[4].Found {
		t.Errorf("found %s, looked at %v", l.Version(), looked)
	}
	for i, want := range []string{"no libcublasLt", "cannot load", "11.10.0", "newer than the driver"} {
		if looked[i].Found || !strings.Contains(looked[i].What, want) {
			t.Errorf("place %d: %+v, want %q", i, looked[i], want)
		}
	}
	if l, _, err := open(0, []Place{{Where: "d", Path: new13}}); err != nil || l.Version() != "13.1.0" {
		t.Errorf("without a driver's version: %v", err)
	}
	if _, _, err := open(0, []Place{{Where: "a", Path: empty}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v where there is none", err)
	}
	if _, _, err := open(0, []Place{{Where: "b", Path: broken}}); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("error %v where one is broken", err)
	}
	t.Setenv("ZMLX_CUBLASLT", "off")
	if _, _, err := Open(0, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v where it is off", err)
	}
	t.Setenv("ZMLX_CUBLASLT", filepath.Join(new12, "libcublasLt.so.12"))
	if _, looked, err := Open(0, nil); err != nil || len(looked) != 1 {
		t.Errorf("named by file: %v, %v", looked, err)
	}
}
