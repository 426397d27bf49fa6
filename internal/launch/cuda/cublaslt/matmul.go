package cublaslt

// This file implements one product: what the library is told of it, and what
// it chose to do, which is kept for products that lie alike.
//
// The library thinks of matrices by columns. A matrix by rows is its transpose
// by columns, so that Out = A B by rows is asked for as the transpose of Out =
// the transpose of B times that of A.

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A Matrix is where an operand lies. Strides count elements.
type Matrix struct {
	Addr     uintptr
	Row, Col int // from a row to the next, from a column to the next
	Batch    int // from a product of the batch to the next; 0 in A and B: all have the same
}

// A Product is Out = A B: M by N, M by K, and K by N, Batch times.
type Product struct {
	DType   dtype.DType // float16, bfloat16, float32 or float64
	TF32    bool        // factors of float32 may lose all but 10 bits of their fractions
	Batch   int
	M, N, K int
	A, B    Matrix
	Out     Matrix // by rows: Col is 1
}

// Values of the C API's enumerations.
const (
	// cudaDataType_t: CUDA_R_32F, CUDA_R_64F, CUDA_R_16F, CUDA_R_16BF.
	real32, real64, real16, realB16 = 0, 1, 2, 14

	// cublasComputeType_t: CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_64F,
	// CUBLAS_COMPUTE_32F_FAST_TF32.
	compute32, compute64, computeTF32 = 68, 70, 77

	// cublasOperation_t: CUBLAS_OP_T.
	opTranspose = 1

	// cublasLtMatmulDescAttributes_t, int32: CUBLASLT_MATMUL_DESC_TRANSA and
	// CUBLASLT_MATMUL_DESC_TRANSB.
	descTransA, descTransB = 3, 4

	// cublasLtMatrixLayoutAttribute_t: CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
	// int32, and CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, int64.
	layoutBatchCount, layoutBatchOffset = 5, 6

	// cublasLtMatmulPreferenceAttributes_t: CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
	// uint64, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32, and
	// CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, uint32, which those of B, C
	// and D follow.
	prefWorkspace, prefReduction, prefAlignmentA = 1, 3, 5

	// cublasLtReductionScheme_t: CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE.
	reduceComputeType = 2
)

const (
	mostAlignment = 256           // that the library makes use of
	mostLength    = math.MaxInt32 // of an axis
)

// A lay is a matrix by columns as the library is told of it.
type lay struct {
	rows, cols, ld int
	transposed     bool // what is multiplied is its transpose
	batch          int
}

// layOut returns the transpose of a rows by cols matrix, which is a matrix by
// columns if m is by rows. ok: its strides are of the kind that the library
// takes.
func layOut(m Matrix, rows, cols int) (l lay, ok bool) {
	if rows < 1 || cols < 1 || rows > mostLength || cols > mostLength || m.Batch < 0 {
		return l, false
	}
	// The stride of an axis of length 1 is of no account.
	switch {
	case (m.Col == 1 || cols == 1) && (m.Row >= cols || rows == 1):
		l = lay{rows: cols, cols: rows, ld: m.Row, batch: m.Batch}
		if rows == 1 {
			l.ld = cols
		}
		return l, true
	case (m.Row == 1 || rows == 1) && (m.Col >= rows || cols == 1):
		l = lay{rows: rows, cols: cols, ld: m.Col, batch: m.Batch, transposed: true}
		if cols == 1 {
			l.ld = rows
		}
		return l, true
	}
	return l, false
}

// A plan is all that the choice of what to do depends on.
type plan struct {
	dtype      dtype.DType
	tf32       bool
	batch      int
	a, b, out  lay // the library's A, which is B, and so on
	alignments [3]int
	workspace  int
}

// planOf returns a product's plan.
func planOf(p *Product, workspace int) (plan, error) {
	q := plan{dtype: p.DType, tf32: p.TF32 && p.DType == dtype.Float32, batch: p.Batch, workspace: workspace}
	switch p.DType {
	case dtype.Float16, dtype.BFloat16, dtype.Float32, dtype.Float64:
	default:
		return q, fmt.Errorf("cublaslt: product of %s: only floats of 16, 32 and 64 bits: %w", p.DType, errors.ErrUnsupported)
	}
	if p.Batch < 1 || p.Batch > mostLength {
		return q, fmt.Errorf("cublaslt: %d products in a batch: %w", p.Batch, errors.ErrUnsupported)
	}
	for i, o := range []struct {
		name       string
		m          Matrix
		rows, cols int
		to         *lay
	}{{"b", p.B, p.K, p.N, &q.a}, {"a", p.A, p.M, p.K, &q.b}, {"out", p.Out, p.M, p.N, &q.out}} {
		l, ok := layOut(o.m, o.rows, o.cols)
		if !ok || i == 2 && (l.transposed || p.Batch > 1 && l.batch == 0) {
			return q, fmt.Errorf("cublaslt: operand %s, %d by %d with strides %d and %d: %w", o.name, o.rows, o.cols, o.m.Row, o.m.Col, errors.ErrUnsupported)
		}
		if p.Batch == 1 {
			l.batch = 0
		}
		*o.to = l
		q.alignments[i] = min(1<<bits.TrailingZeros64(uint64(o.m.Addr)|mostAlignment), mostAlignment)
	}
	return q, nil
}

// Takes reports whether p is a product that the library is made for: its dtype,
// its lengths, which are at least 1, and its strides. Addresses do not matter.
func Takes(p Product) bool {
	_, err := planOf(&p, 0)
	return err == nil
}

// A prepared plan is ready to run.
type prepared struct {
	desc, a, b, out uintptr
	result          heuristicResult
}

// heuristicResult is cublasLtMatmulHeuristicResult_t.
type heuristicResult struct {
	algo      [8]uint64
	workspace uint64
	state     int32
	waves     float32
	_         [4]int32
}

// mostPlans bounds how many plans are kept.
const mostPlans = 4096

// MatMul asks for a product on a stream of the GPU and does not wait. workspace
// is the address of size bytes of the GPU, a multiple of 256, that nothing else
// on other streams uses meanwhile. An error that is errors.ErrUnsupported says
// that another way has to be taken.
func (h *Handle) MatMul(stream, workspace uintptr, size int, p Product) error {
	q, err := planOf(&p, size)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.handle == 0 {
		return errClosed
	}
	r := h.plans[q]
	if r == nil {
		if r, err = h.prepare(&q); err != nil {
			return fmt.Errorf("product of %s, %d times %d by %d by %d: %w", p.DType, p.Batch, p.M, p.N, p.K, err)
		}
		if len(h.plans) >= mostPlans {
			h.forget()
		}
		h.plans[q] = r
	}
	double := p.DType == dtype.Float64
	status := dl.Call(h.lib.f.matmul, h.handle, r.desc,
		h.alpha.address(double), p.B.Addr, r.a, p.A.Addr, r.b,
		h.beta.address(double), p.Out.Addr, r.out, p.Out.Addr, r.out,
		uintptr(unsafe.Pointer(&r.result.algo)), workspace, uintptr(size), stream)
	runtime.KeepAlive(r)
	return h.lib.check("cublasLtMatmul", status)
}

// prepare describes a plan to the library and asks what to do.
func (h *Handle) prepare(q *plan) (r *prepared, err error) {
	f := &h.lib.f
	r = &prepared{}
	defer func() {
		if err != nil {
			h.free(r)
		}
	}()
	data, compute, scaling := uintptr(real32), uintptr(compute32), uintptr(real32)
	switch q.dtype {
	case dtype.Float16:
		data = real16
	case dtype.BFloat16:
		data = realB16
	case dtype.Float64:
		data, compute, scaling = real64, compute64, real64
	}
	if q.tf32 {
		compute = computeTF32
	}
	err = h.lib.check("cublasLtMatmulDescCreate", dl.Call(f.descCreate, uintptr(unsafe.Pointer(&r.desc)), compute, scaling))
	if err != nil {
		return r, err
	}
	for _, o := range []struct {
		l         *lay
		at        *uintptr
		attribute uintptr
	}{{&q.a, &r.a, descTransA}, {&q.b, &r.b, descTransB}, {&q.out, &r.out, 0}} {
		l := o.l
		err = h.lib.check("cublasLtMatrixLayoutCreate", dl.Call(f.layoutCreate, uintptr(unsafe.Pointer(o.at)), data, uintptr(l.rows), uintptr(l.cols), uintptr(l.ld)))
		if err == nil && l.transposed {
			err = h.set32("cublasLtMatmulDescSetAttribute", f.descSet, r.desc, o.attribute, opTranspose)
		}
		if err == nil && q.batch > 1 {
			err = h.set32("cublasLtMatrixLayoutSetAttribute", f.layoutSet, *o.at, layoutBatchCount, uint32(q.batch))
		}
		if err == nil && q.batch > 1 {
			err = h.set64("cublasLtMatrixLayoutSetAttribute", f.layoutSet, *o.at, layoutBatchOffset, uint64(l.batch))
		}
		if err != nil {
			return r, err
		}
	}
	return r, h.choose(q, r)
}

// choose asks the library which of its algorithms to use.
func (h *Handle) choose(q *plan, r *prepared) error {
	f := &h.lib.f
	var pref uintptr
	if err := h.lib.check("cublasLtMatmulPreferenceCreate", dl.Call(f.prefCreate, uintptr(unsafe.Pointer(&pref)))); err != nil {
		return err
	}
	defer func() { dl.Call(f.prefDestroy, pref) }()
	const set = "cublasLtMatmulPreferenceSetAttribute"
	if err := h.set64(set, f.prefSet, pref, prefWorkspace, uint64(q.workspace)); err != nil {
		return err
	}
	if q.dtype.Size() == 2 { // parts of a sum are not rounded before they are added
		if err := h.set32(set, f.prefSet, pref, prefReduction, reduceComputeType); err != nil {
			return err
		}
	}
	out := q.alignments[2]
	for i, alignment := range []int{q.alignments[0], q.alignments[1], out, out} {
		if err := h.set32(set, f.prefSet, pref, uintptr(prefAlignmentA+i), uint32(alignment)); err != nil {
			return err
		}
	}
	var found int32
	const call = "cublasLtMatmulAlgoGetHeuristic"
	err := h.lib.check(call, dl.Call(f.heuristic, h.handle, r.desc, r.a, r.b, r.out, r.out, pref, 1, uintptr(unsafe.Pointer(&r.result)), uintptr(unsafe.Pointer(&found))))
	if err == nil && found < 1 {
		err = &Error{Call: call, Status: notSupported, Name: "no algorithm found"}
	}
	if err == nil {
		err = h.lib.check(call, uintptr(r.result.state))
	}
	return err
}

// set32 sets an attribute of 4 bytes.
func (h *Handle) set32(call string, set, object, attribute uintptr, v uint32) error {
	return h.lib.check(call, dl.Call(set, object, attribute, uintptr(unsafe.Pointer(&v)), 4))
}

// set64 sets an attribute of 8 bytes.
func (h *Handle) set64(call string, set, object, attribute uintptr, v uint64) error {
	return h.lib.check(call, dl.Call(set, object, attribute, uintptr(unsafe.Pointer(&v)), 8))
}

// free frees what describes a plan.
func (h *Handle) free(r *prepared) {
	f := &h.lib.f
	for _, l := range []uintptr{r.a, r.b, r.out} {
		if l != 0 {
			dl.Call(f.layoutDestroy, l)
		}
	}
	if r.desc != 0 {
		dl.Call(f.descDestroy, r.desc)
	}
}

// forget frees all plans. h.mu is held, so that no call uses them.
func (h *Handle) forget() {
	for _, r := range h.plans {
		h.free(r)
	}
	clear(h.plans)
}
