package c99

// This file implements the C text of matrix products.

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

//go:embed gemm_head.inc
var gemmHead string

//go:embed gemm.inc
var gemmBody string

// gemmTypes says for each dtype what gemm.inc leaves open.
var gemmTypes = map[dtype.DType]struct {
	elem, real    string
	load, loadv   string // of one element; of as many as a vector holds
	store, storev string
	same          int // whether elem is real
}{
	dtype.Float32:  {"float", "float", "(x)", "*(const M *)(p)", "(x)", "(*(M *)(to) = *(const M *)(from))", 1},
	dtype.Float64:  {"double", "double", "(x)", "*(const M *)(p)", "(x)", "(*(M *)(to) = *(const M *)(from))", 1},
	dtype.Float16:  {"uint16_t", "float", "gemm_load_f16(x)", "gemm_loadv_f16(p)", "gemm_store_f16(x)", "gemm_storev_f16(to, from)", 0},
	dtype.BFloat16: {"uint16_t", "float", "gemm_load_bf16(x)", "gemm_loadv_bf16(p)", "gemm_store_bf16(x)", "gemm_storev_bf16(to, from)", 0},
}

// GEMM returns the C text of matrix products of float16, bfloat16, float32 or
// float64: the functions
//
//	void zmlx_gemm_sizes(int64_t sizes[4]);
//	void zmlx_gemm_pack(const zmlx_gemm *d, int64_t from, int64_t to);
//	void zmlx_gemm_tiles(const zmlx_gemm *d, int64_t from, int64_t to, void *scratch);
//	void zmlx_gemm_whole(const zmlx_gemm *d, int64_t from, int64_t to, void *scratch);
//	void zmlx_gemm_skinny(const zmlx_gemm *d, int64_t from, int64_t to, void *scratch);
//
// which the text describes. vector is the bytes of a vector, a power of two
// from 16 to 64; 0: as many as the processor has that the text is compiled for.
func GEMM(dt dtype.DType, vector int) (string, error) {
	t, ok := gemmTypes[dt]
	if !ok {
		return "", fmt.Errorf("matrix product of %s: only floats of 16, 32 and 64 bits", dt)
	}
	var b strings.Builder
	if vector != 0 {
		fmt.Fprintf(&b, "#define VECTOR %d\n", vector)
	}
	b.WriteString(gemmHead)
	fmt.Fprintf(&b, "\n#define ELEM %s\n#define REAL %s\n#define SAME %d\n", t.elem, t.real, t.same)
	fmt.Fprintf(&b, "#define LOAD(x) %s\n#define LOADV(p) %s\n#define STORE(x) %s\n#define STOREV(to, from) %s\n", t.load, t.loadv, t.store, t.storev)
	b.WriteString(gemmBody)
	return b.String(), nil
}
