// A stand-in for cuBLASLt: it refuses what the real library would refuse, and
// multiplies on the host, by the library's rules for matrices by columns.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID = 7, UNSUPPORTED = 15 };

typedef struct { uint32_t magic, type; uint64_t rows, cols; int64_t ld, offset; int32_t batch; } layout;
typedef struct { uint32_t magic, compute, scale; int32_t trans[2]; } desc;
typedef struct { uint32_t magic; uint64_t workspace; uint32_t reduction, align[4]; } pref;
typedef struct { uint64_t algo[8]; uint64_t workspace; int32_t state; float waves; int32_t reserved[4]; } result;

int64_t fake_live;        // objects that were created and not destroyed
int64_t fake_heuristics;  // times that an algorithm was asked for
int64_t fake_refuse;      // whether there is no algorithm for anything
uint64_t fake_told[8];    // compute, scale, data type, workspace, reduction, alignments of A, B, D
uint64_t fake_stream;

size_t cublasLtGetVersion(void) { return VERSION; }

const char *cublasLtGetStatusName(int status) {
	return status == INVALID ? "CUBLAS_STATUS_INVALID_VALUE" : status == UNSUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_OTHER";
}

int cublasLtCreate(void **h) {
	*h = malloc(1);
	fake_live++;
	return OK;
}

int cublasLtDestroy(void *h) {
	free(h);
	fake_live--;
	return OK;
}

int cublasLtMatmulDescCreate(desc **d, uint32_t compute, uint32_t scale) {
	if (!((compute == 68 || compute == 77) && scale == 0) && !(compute == 70 && scale == 1)) return INVALID;
	*d = calloc(1, sizeof **d);
	**d = (desc){.magic = 1, .compute = compute, .scale = scale};
	fake_live++;
	return OK;
}

int cublasLtMatmulDescDestroy(desc *d) {
	if (d->magic != 1) return INVALID;
	free(d);
	fake_live--;
	return OK;
}

int cublasLtMatmulDescSetAttribute(desc *d, uint32_t attribute, const void *value, size_t size) {
	if (d->magic != 1 || size != 4 || attribute < 3 || attribute > 4) return INVALID;
	memcpy(&d->trans[attribute - 3], value, 4);
	return OK;
}

int cublasLtMatrixLayoutCreate(layout **l, uint32_t type, uint64_t rows, uint64_t cols, int64_t ld) {
	if (ld < (int64_t)rows || rows == 0 || cols == 0) return INVALID;
	*l = calloc(1, sizeof **l);
	**l = (layout){.magic = 2, .type = type, .rows = rows, .cols = cols, .ld = ld, .batch = 1};
	fake_live++;
	return OK;
}

int cublasLtMatrixLayoutDestroy(layout *l) {
	if (l->magic != 2) return INVALID;
	free(l);
	fake_live--;
	return OK;
}

int cublasLtMatrixLayoutSetAttribute(layout *l, uint32_t attribute, const void *value, size_t size) {
	if (l->magic != 2) return INVALID;
	if (attribute == 5 && size == 4) memcpy(&l->batch, value, 4);
	else if (attribute == 6 && size == 8) memcpy(&l->offset, value, 8);
	else return INVALID;
	return OK;
}

int cublasLtMatmulPreferenceCreate(pref **p) {
	*p = calloc(1, sizeof **p);
	**p = (pref){.magic = 3, .reduction = 7, .align = {256, 256, 256, 256}};
	fake_live++;
	return OK;
}

int cublasLtMatmulPreferenceDestroy(pref *p) {
	if (p->magic != 3) return INVALID;
	free(p);
	fake_live--;
	return OK;
}

int cublasLtMatmulPreferenceSetAttribute(pref *p, uint32_t attribute, const void *value, size_t size) {
	if (p->magic != 3) return INVALID;
	if (attribute == 1 && size == 8) memcpy(&p->workspace, value, 8);
	else if (attribute == 3 && size == 4) memcpy(&p->reduction, value, 4);
	else if (attribute >= 5 && attribute <= 8 && size == 4) memcpy(&p->align[attribute - 5], value, 4);
	else return INVALID;
	return OK;
}

// fits tells whether op(A) op(B) is as large as D.
static int fits(const desc *d, const layout *a, const layout *b, const layout *c) {
	uint64_t m = d->trans[0] ? a->cols : a->rows, k = d->trans[0] ? a->rows : a->cols;
	uint64_t k2 = d->trans[1] ? b->cols : b->rows, n = d->trans[1] ? b->rows : b->cols;
	return m == c->rows && n == c->cols && k == k2 && a->batch == b->batch && b->batch == c->batch && a->type == b->type && b->type == c->type;
}

int cublasLtMatmulAlgoGetHeuristic(void *h, desc *d, layout *a, layout *b, layout *c, layout *out, pref *p, int asked, result *r, int *found) {
	if (!h || d->magic != 1 || a->magic != 2 || b->magic != 2 || c->magic != 2 || out != c || p->magic != 3 || asked != 1) return INVALID;
	if (!fits(d, a, b, out)) return INVALID;
	fake_heuristics++;
	if (fake_refuse) {
		*found = 0;
		return UNSUPPORTED;
	}
	uint64_t told[8] = {d->compute, d->scale, a->type, p->workspace, p->reduction, p->align[0], p->align[1], p->align[3]};
	memcpy(fake_told, told, sizeof told);
	*found = 1;
	memset(r, 0, sizeof *r);
	for (int i = 0; i < 8; i++) r->algo[i] = 1000 + i;
	r->workspace = p->workspace;
	return OK;
}

static double get(uint32_t type, const void *p, int64_t i) {
	if (type == 0) return ((const float *)p)[i];
	if (type == 1) return ((const double *)p)[i];
	uint32_t bits = (uint32_t)((const uint16_t *)p)[i] << 16; // bfloat16; there is no test with float16
	float f;
	memcpy(&f, &bits, 4);
	return f;
}

static void put(uint32_t type, void *p, int64_t i, double v) {
	if (type == 0) ((float *)p)[i] = (float)v;
	else if (type == 1) ((double *)p)[i] = v;
	else {
		float f = (float)v;
		uint32_t bits;
		memcpy(&bits, &f, 4);
		((uint16_t *)p)[i] = (uint16_t)(bits >> 16); // tests have values that need no rounding
	}
}

int cublasLtMatmul(void *h, const desc *d, const void *alpha, const void *pa, const layout *a, const void *pb, const layout *b, const void *beta,
	const void *pc, const layout *c, void *pd, const layout *out, const uint64_t *algo, void *workspace, size_t size, void *stream) {
	if (!h || d->magic != 1 || pc != pd || c != out || algo[0] != 1000 || algo[7] != 1007 || !fits(d, a, b, out)) return INVALID;
	double one = d->scale == 1 ? *(const double *)alpha : *(const float *)alpha, zero = d->scale == 1 ? *(const double *)beta : *(const float *)beta;
	if (one != 1 || zero != 0 || (size != 0) != (workspace != 0)) return INVALID;
	fake_stream = (uint64_t)stream;
	uint64_t depth = d->trans[0] ? a->rows : a->cols;
	for (int32_t t = 0; t < out->batch; t++)
		for (uint64_t i = 0; i < out->rows; i++)
			for (uint64_t j = 0; j < out->cols; j++) {
				double sum = 0;
				for (uint64_t k = 0; k < depth; k++) {
					int64_t at_a = d->trans[0] ? k + i * a->ld : i + k * a->ld;
					int64_t at_b = d->trans[1] ? j + k * b->ld : k + j * b->ld;
					sum += get(a->type, pa, at_a + t * a->offset) * get(b->type, pb, at_b + t * b->offset);
				}
				put(out->type, pd, i + j * out->ld + t * out->offset, sum);
			}
	return OK;
}
