// A driver library without a GPU, for tests: memory is the host's, and kernels
// are a few things that it knows how to do. As on a GPU, what is asked of a
// stream happens later: when something waits for it, and not before.
//
// A kernel's image is "FAKE:" and a text. The text says what the kernel does
// by a word after "do:", how many threads fit by a number after "threads:", and
// its parameters are counted by "char *p".
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int R;
typedef uint32_t u32;
typedef uint64_t u64;

enum { GPUS = 2, MOST_PARAMS = 32 };

enum { MOST_STREAMS = 16 };
typedef struct ctx { int device, users, error; size_t used, cached, limit; int pools; struct stream *streams[MOST_STREAMS]; } ctx;
static ctx gpus[GPUS] = {{.device = 0, .limit = 1 << 30, .pools = 1}, {.device = 1, .limit = 1 << 30, .pools = 1}};
static __thread ctx *current;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int held, holding; // calls for launches wait; so many do
static int noEvents; // so many more are not to be had

static struct { int inits, gpus, initError, launches, early, graphLaunches, unloads, trims, instantiated; } seen = {.gpus = GPUS};
static struct { int modules, streams, events, pinned, blocks, graphs, execs; } alive;

typedef struct { char *text; } module;
typedef struct { u32 grid[3], group[3], groups[3], pad; u64 first; } head;
typedef struct op { // a piece of work
	enum { COPY, SET8, SET32, KERNEL, RECORD, WAIT, FREE } kind;
	char *to; const char *from; size_t n; u32 value;
	module *m; head h; u32 blocks, threads; char *params[MOST_PARAMS];
	struct event *event; int serial;
	struct op *next;
} op;
typedef struct list { op *first, *last; int n; } list;
typedef struct stream { ctx *c; int busy, capturing; list work, captured; } stream;
typedef struct event { ctx *c; stream *on; int asked, done, kernels, doomed; } event;
typedef struct { ctx *c; size_t n; u64 pad[2]; } block; // before each allocation

static void add(list *l, op o) {
	op *p = malloc(sizeof *p);
	*p = o;
	p->next = 0;
	if (l->last) l->last->next = p; else l->first = p;
	l->last = p;
	l->n++;
}
static R push(stream *s, op o) {
	if (!current) return 201;
	if (current->error) return current->error;
	if (!s || s->c != current) return 400;
	add(s->capturing ? &s->captured : &s->work, o);
	return 0;
}
static int kernels; // that ran
static void runKernel(ctx *c, op *o) {
	kernels++;
	const char *what = strstr(o->m->text, "do:");
	u32 *a = (u32 *)o->params[0], *b = (u32 *)o->params[1];
	if (what && !strncmp(what, "do:fault", 8)) { c->error = 700; return; }
	if (what && !strncmp(what, "do:hang", 7)) { c->error = 702; return; }
	for (u32 blk = 0; blk < o->blocks; blk++) {
		u64 g = o->h.first + blk;
		if (what && !strncmp(what, "do:groups", 9)) { a[g] += 100 * o->blocks + blk + 1; continue; }
		u64 n = (u64)o->h.group[0] * o->h.group[1] * o->h.group[2];
		for (u64 t = 0; t < n && t < o->threads; t++) {
			u64 i = g * n + t;
			if (i >= (u64)o->h.grid[0] * o->h.grid[1] * o->h.grid[2]) break;
			if (!what) a[i] = (u32)i + 40 + o->h.groups[0];
			else if (!strncmp(what, "do:copy", 7)) b[i] = a[i];
			else if (!strncmp(what, "do:increment", 12)) a[i]++;
			else abort();
		}
	}
}
static void drain(stream *s, event *until, int serial);
static void runOne(stream *s) {
	op *o = s->work.first;
	s->work.first = o->next;
	if (!o->next) s->work.last = 0;
	s->work.n--;
	int ok = !s->c->error;
	switch (o->kind) {
	case COPY: if (ok) memmove(o->to, o->from, o->n); break;
	case SET8: if (ok) memset(o->to, (int)o->value, o->n); break;
	case SET32: if (ok) for (size_t i = 0; i < o->n; i++) ((u32 *)o->to)[i] = o->value; break;
	case KERNEL: if (ok) runKernel(s->c, o); break;
	case RECORD: o->event->done = o->serial; o->event->kernels = kernels; break;
	case WAIT: if (o->event->on && o->event->on != s && o->event->done < o->serial) drain(o->event->on, o->event, o->serial); break;
	case FREE: { block *b = (block *)o->to - 1; s->c->used -= b->n; s->c->cached += b->n; memset(o->to, 0xdd, b->n); alive.blocks--; free(b); break; }
	}
	free(o);
}
static void drain(stream *s, event *until, int serial) {
	if (s->busy) return;
	s->busy = 1;
	while (s->work.first && !(until && until->done >= serial)) runOne(s);
	s->busy = 0;
}

#define API __attribute__((visibility("default")))
#define LOCKED(...) { pthread_mutex_lock(&lock); R r = 0; __VA_ARGS__ pthread_mutex_unlock(&lock); return r; }
#define IN_CTX(...) LOCKED({ if (!current) r = 201; else if (current->error) r = current->error; else { __VA_ARGS__ } })

API R cuInit(unsigned f) LOCKED({ seen.inits++; r = seen.initError; })
API R cuDriverGetVersion(int *v) { *v = 13000; return 0; }
API R cuDeviceGetCount(int *n) { *n = seen.gpus; return 0; }
API R cuDeviceGet(int *d, int n) { *d = n; return 0; }
API R cuDeviceGetName(char *name, int n, int d) { strncpy(name, d ? "Fake GPU one" : "Fake GPU zero", (size_t)n); return 0; }
API R cuDeviceGetAttribute(int *v, int a, int d) {
	switch (a) {
	case 75: *v = 9; break;
	case 76: *v = 0; break;
	case 16: *v = 132; break;
	case 38: *v = 50 << 20; break;
	case 115: *v = gpus[d].pools; break;
	default: *v = 1;
	}
	return 0;
}
API R cuDeviceTotalMem_v2(size_t *n, int d) { *n = gpus[d].limit; return 0; }
API R cuDevicePrimaryCtxRetain(ctx **c, int d) LOCKED({ gpus[d].users++; *c = &gpus[d]; })
API R cuDevicePrimaryCtxRelease_v2(int d) LOCKED({ if (gpus[d].users-- == 0) { gpus[d].users = 0; r = 201; } })
API R cuCtxSetCurrent(ctx *c) { current = c; return 0; }

API R cuStreamCreate(stream **s, unsigned f) IN_CTX({
	*s = calloc(1, sizeof **s);
	(*s)->c = current;
	alive.streams++;
	int i = 0;
	while (current->streams[i]) if (++i == MOST_STREAMS) abort();
	current->streams[i] = *s;
})
API R cuStreamDestroy_v2(stream *s) IN_CTX({
	drain(s, 0, 0);
	for (int i = 0; i < MOST_STREAMS; i++) if (s->c->streams[i] == s) s->c->streams[i] = 0;
	alive.streams--;
	free(s);
})
API R cuStreamSynchronize(stream *s) IN_CTX({ if (s->capturing) r = 900; else { drain(s, 0, 0); r = current->error; } })
API R cuStreamWaitEvent(stream *s, event *e, unsigned f) LOCKED({
	r = push(s, (op){.kind = WAIT, .event = e, .serial = e->asked});
})

static R allocate(char **p, size_t n) {
	if (n == 0) return 1;
	if (current->used + current->cached + n > current->limit) return 2;
	block *b = malloc(sizeof *b + n);
	b->c = current;
	b->n = n;
	memset(b + 1, 0xcd, n);
	current->used += n;
	alive.blocks++;
	*p = (char *)(b + 1);
	return 0;
}
API R cuMemAlloc_v2(char **p, size_t n) IN_CTX({ r = allocate(p, n); })
API R cuMemFree_v2(char *p) IN_CTX({
	for (int i = 0; i < MOST_STREAMS; i++) if (current->streams[i]) drain(current->streams[i], 0, 0);
	block *b = (block *)p - 1; b->c->used -= b->n;
	alive.blocks--;
	free(b);
})
API R cuMemAllocAsync(char **p, size_t n, stream *s) IN_CTX({ r = s->c == current ? allocate(p, n) : 400; })
API R cuMemFreeAsync(char *p, stream *s) LOCKED({ r = push(s, (op){.kind = FREE, .to = p}); })
API R cuDeviceGetDefaultMemPool(ctx **p, int d) { *p = &gpus[d]; return 0; }
API R cuMemPoolSetAttribute(ctx *p, int a, void *v) { return a == 4 ? 0 : 1; }
API R cuMemPoolGetAttribute(ctx *p, int a, void *v) { return 1; }
API R cuMemPoolTrimTo(ctx *p, size_t n) LOCKED({ p->cached = 0; seen.trims++; })
API R cuMemGetInfo_v2(size_t *f, size_t *t) IN_CTX({ *f = current->limit - current->used - current->cached; *t = current->limit; })
API R cuMemAllocHost_v2(char **p, size_t n) IN_CTX({ *p = malloc(n); alive.pinned++; })
API R cuMemFreeHost(char *p) IN_CTX({ free(p); alive.pinned--; })

API R cuMemcpyHtoDAsync_v2(char *to, char *from, size_t n, stream *s) LOCKED({ r = push(s, (op){.kind = COPY, .to = to, .from = from, .n = n}); })
API R cuMemcpyDtoHAsync_v2(char *to, char *from, size_t n, stream *s) LOCKED({ r = push(s, (op){.kind = COPY, .to = to, .from = from, .n = n}); })
API R cuMemcpyDtoDAsync_v2(char *to, char *from, size_t n, stream *s) LOCKED({ r = push(s, (op){.kind = COPY, .to = to, .from = from, .n = n}); })
API R cuMemcpyPeerAsync(char *to, ctx *a, char *from, ctx *b, size_t n, stream *s) LOCKED({
	r = a == b ? 1 : push(s, (op){.kind = COPY, .to = to, .from = from, .n = n});
})
API R cuMemsetD8Async(char *to, unsigned char v, size_t n, stream *s) LOCKED({ r = push(s, (op){.kind = SET8, .to = to, .value = v, .n = n}); })
API R cuMemsetD32Async(char *to, u32 v, size_t n, stream *s) LOCKED({ r = push(s, (op){.kind = SET32, .to = to, .value = v, .n = n}); })

API R cuModuleLoadData(module **m, const char *image) IN_CTX({
	if (strncmp(image, "FAKE:", 5)) r = 200;
	else { *m = malloc(sizeof **m); (*m)->text = strdup(image + 5); alive.modules++; }
})
API R cuModuleUnload(module *m) IN_CTX({ free(m->text); free(m); alive.modules--; seen.unloads++; })
API R cuModuleGetFunction(module **f, module *m, const char *name) { *f = m; return strstr(m->text, name) ? 0 : 500; }
API R cuFuncGetAttribute(int *v, int a, module *f) {
	const char *t = strstr(f->text, "threads:");
	*v = a == 0 ? (t ? atoi(t + 8) : 1024) : a == 4 ? 40 : 0;
	return 0;
}
typedef struct { u32 id, pad, value[16]; } attribute;
typedef struct { u32 grid[3], block[3], shared; stream *s; attribute *attributes; u32 count; } config;
static R launchKernel(module *f, const config *c, void **params, void **extra) {
	for (holding++; held;) pthread_cond_wait(&changed, &lock);
	holding--;
	if (c->grid[0] == 0 || c->grid[1] != 1 || c->grid[2] != 1 || c->block[0] % 32 || c->block[0] > 1024 || c->block[1] != 1 || c->block[2] != 1 || c->shared || extra) return 1;
	if (strstr(f->text, "do:refuse")) return 701;
	op o = {.kind = KERNEL, .m = f, .blocks = c->grid[0], .threads = c->block[0], .h = *(head *)params[0]};
	const char *t = f->text;
	for (int i = 0; i < MOST_PARAMS && (t = strstr(t, "char *p")); i++, t++) o.params[i] = *(char **)params[i + 1];
	seen.launches++;
	return push(c->s, o);
}
API R cuLaunchKernel(module *f, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, stream *s, void **params, void **extra) IN_CTX({
	config c = {{gx, gy, gz}, {bx, by, bz}, shared, s, 0, 0};
	r = launchKernel(f, &c, params, extra);
})
// A kernel that does not wait for the work before must not begin before that has ended.
API R cuLaunchKernelEx(const config *c, module *f, void **params, void **extra) IN_CTX({
	if (c->count != 1 || c->attributes->id != 6 || c->attributes->value[0] != 1 || !strstr(f->text, "ZMLX_EARLY")) r = 1;
	else { seen.early++; r = launchKernel(f, c, params, extra); }
})

API R cuEventCreate(event **e, unsigned f) IN_CTX({
	if (noEvents > 0) { noEvents--; r = 2; }
	else { *e = calloc(1, sizeof **e); (*e)->c = current; alive.events++; }
})
// The event stays in memory, as work may still wait for it.
API R cuEventDestroy_v2(event *e) IN_CTX({ if (e->doomed) r = 400; else alive.events--; e->doomed = 1; })
API R cuEventRecord(event *e, stream *s) LOCKED({
	if (e->c != s->c) r = 400;
	else { e->on = s; r = push(s, (op){.kind = RECORD, .event = e, .serial = ++e->asked}); }
})
API R cuEventSynchronize(event *e) IN_CTX({ if (e->on) drain(e->on, e, e->asked); r = current->error; })
API R cuEventElapsedTime(float *ms, event *a, event *b) IN_CTX({
	if (!a->asked || !b->asked || a->done < a->asked || b->done < b->asked) r = 600;
	else *ms = (float)(b->kernels - a->kernels);
})

API R cuStreamBeginCapture_v2(stream *s, int mode) IN_CTX({ if (s->capturing) r = 901; s->capturing = 1; })
API R cuStreamEndCapture(stream *s, list **g) IN_CTX({
	if (!s->capturing) r = 902;
	else { *g = malloc(sizeof **g); **g = s->captured; s->captured = (list){0}; s->capturing = 0; alive.graphs++; }
})
API R cuGraphInstantiateWithFlags(list **x, list *g, u64 f) IN_CTX({
	*x = calloc(1, sizeof **x);
	for (op *o = g->first; o; o = o->next) add(*x, *o);
	alive.execs++;
	seen.instantiated++;
})
static void dropList(list *l) {
	while (l->first) { op *o = l->first; l->first = o->next; free(o); }
	free(l);
}
API R cuGraphDestroy(list *g) IN_CTX({ dropList(g); alive.graphs--; })
API R cuGraphExecDestroy(list *g) IN_CTX({ dropList(g); alive.execs--; })
API R cuGraphLaunch(list *x, stream *s) LOCKED({
	seen.graphLaunches++;
	for (op *o = x->first; o && !r; o = o->next) r = push(s, *o);
})

API R cuGetErrorName(int e, const char **t) {
	*t = e == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : e == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : e == 702 ? "CUDA_ERROR_LAUNCH_TIMEOUT" : e == 100 ? "CUDA_ERROR_NO_DEVICE" : "CUDA_ERROR_OF_THE_FAKE";
	return 0;
}
API R cuGetErrorString(int e, const char **t) {
	*t = e == 2 ? "out of memory" : e == 700 ? "an illegal memory access was encountered" : e == 702 ? "the launch timed out and was terminated" : e == 100 ? "no CUDA-capable device is detected" : "an error of the fake driver";
	return 0;
}

// What tests set and see.
API int fakeSet(const char *what, int gpu, u64 value) LOCKED({
	if (!strcmp(what, "limit")) gpus[gpu].limit = value;
	else if (!strcmp(what, "pools")) gpus[gpu].pools = (int)value;
	else if (!strcmp(what, "gpus")) seen.gpus = (int)value;
	else if (!strcmp(what, "held")) { held = (int)value; pthread_cond_broadcast(&changed); }
	else if (!strcmp(what, "drain")) for (int i = 0; i < MOST_STREAMS; i++) { if (gpus[gpu].streams[i]) drain(gpus[gpu].streams[i], 0, 0); }
	else if (!strcmp(what, "noEvents")) noEvents = (int)value;
	else if (!strcmp(what, "initError")) seen.initError = (int)value;
	else abort();
})
API int fakeGet(const char *what, int gpu) {
	pthread_mutex_lock(&lock);
	int v = -1;
	if (!strcmp(what, "inits")) v = seen.inits;
	if (!strcmp(what, "holding")) v = holding;
	if (!strcmp(what, "launches")) v = seen.launches;
	if (!strcmp(what, "early")) v = seen.early;
	if (!strcmp(what, "graphLaunches")) v = seen.graphLaunches;
	if (!strcmp(what, "instantiated")) v = seen.instantiated;
	if (!strcmp(what, "unloads")) v = seen.unloads;
	if (!strcmp(what, "trims")) v = seen.trims;
	if (!strcmp(what, "modules")) v = alive.modules;
	if (!strcmp(what, "users")) v = gpus[gpu].users;
	if (!strcmp(what, "used")) v = (int)gpus[gpu].used;
	if (!strcmp(what, "alive")) v = alive.modules + alive.streams + alive.events + alive.pinned + alive.blocks + alive.graphs + alive.execs;
	pthread_mutex_unlock(&lock);
	return v;
}
