package check

// This file implements the language's own functions: which there are, and how
// a call of one is typed.

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A builtinKind says how a builtin's arguments are typed.
type builtinKind uint8

const (
	floatFunc   builtinKind = iota // floats of one type, by element
	numberFunc                     // numbers of one type, by element
	intFunc                        // integers of one type, by element
	testFunc                       // floats by element, giving bool
	geometric                      // float vectors
	simdReduce                     // one value
	simdShuffle                    // a value and a lane number
	special                        // typed by a function of its own
)

// A builtin is one function of the language.
type builtin struct {
	kind  builtinKind
	n     int    // arguments
	name  string // name in the typed tree, if another
	typed func(c *checker, b *builtin, call *builtinCall) Expr
}

// A builtinCall is a call being typed.
type builtinCall struct {
	name string
	fn   *parse.Ident
	args []Expr
	span source.Span
	s    *scope
	fast bool
}

func (b *builtinCall) result(t *Type, args ...Expr) Expr {
	return &Builtin{Typed: Typed{t, b.span}, Name: b.name, Args: args, Fast: b.fast}
}

var builtins = map[string]*builtin{}

func register(kind builtinKind, n int, names string) {
	for _, name := range strings.Fields(names) {
		builtins[name] = &builtin{kind: kind, n: n, name: name}
	}
}

func init() {
	register(floatFunc, 1, `acos acosh asin asinh atan atanh ceil cos cosh cospi exp exp10 exp2 floor fract log log10
		log2 rint round rsqrt sin sinh sinpi sqrt tan tanh tanpi trunc saturate sign log1p expm1 erf erfinv lgamma`)
	register(floatFunc, 2, "atan2 copysign divide fdim fmod pow powr nextafter step")
	register(floatFunc, 3, "fma mix smoothstep")
	register(numberFunc, 1, "abs")
	register(numberFunc, 2, "min max")
	register(numberFunc, 3, "clamp min3 max3 median3")
	register(intFunc, 1, "clz ctz popcount reverse_bits")
	register(intFunc, 2, "absdiff addsat subsat hadd rhadd mulhi rotate mul24")
	register(intFunc, 3, "mad24 madhi madsat")
	register(testFunc, 1, "isnan isinf isfinite isnormal signbit")
	register(testFunc, 2, "isordered isunordered")
	register(geometric, 1, "length length_squared normalize")
	register(geometric, 2, "dot distance distance_squared cross reflect")
	register(geometric, 3, "faceforward refract")
	for _, w := range []string{"simd_", "quad_"} {
		register(simdReduce, 1, w+"sum "+w+"product "+w+"min "+w+"max "+w+"and "+w+"or "+w+"xor "+
			w+"prefix_inclusive_sum "+w+"prefix_exclusive_sum "+w+"prefix_inclusive_product "+w+"prefix_exclusive_product "+
			w+"broadcast_first")
		register(simdShuffle, 2, w+"shuffle "+w+"shuffle_up "+w+"shuffle_down "+w+"shuffle_xor "+
			w+"shuffle_rotate_up "+w+"shuffle_rotate_down "+w+"broadcast")
	}
	for name, target := range map[string]string{
		"fabs": "abs", "fmin": "min", "fmax": "max", "fmin3": "min3", "fmax3": "max3", "fmedian3": "median3",
	} {
		b := *builtins[target]
		b.kind = floatFunc
		builtins[name] = &b
	}
	for name, typed := range map[string]func(*checker, *builtin, *builtinCall) Expr{
		"ldexp": typeLdexp, "ilogb": typeIlogb, "frexp": typeFrexp, "modf": typeModf, "sincos": typeModf,
		"all": typeAllAny, "any": typeAllAny, "select": typeSelect,
		"extract_bits": typeBits, "insert_bits": typeBits,
		"threadgroup_barrier": typeBarrier, "simdgroup_barrier": typeBarrier, "atomic_thread_fence": typeBarrier,
		"simd_shuffle_and_fill_up": typeFill, "simd_shuffle_and_fill_down": typeFill,
		"quad_shuffle_and_fill_up": typeFill, "quad_shuffle_and_fill_down": typeFill,
		"simd_ballot": typeVote, "simd_all": typeVote, "simd_any": typeVote, "simd_is_first": typeVote,
		"simd_active_threads_mask": typeVote, "simd_is_helper_thread": typeVote,
		"quad_ballot": typeVote, "quad_all": typeVote, "quad_any": typeVote, "quad_is_first": typeVote,
		"quad_active_threads_mask": typeVote,
		"simdgroup_load":           typeMatrixMove, "simdgroup_store": typeMatrixMove,
		"simdgroup_multiply": typeMatrixMul, "simdgroup_multiply_accumulate": typeMatrixMul,
		"make_filled_simdgroup_matrix": typeMatrixFill,
	} {
		builtins[name] = &builtin{kind: special, name: name, typed: typed}
	}
	for name, target := range map[string]string{
		"atomic_load_explicit": "atomic_load", "atomic_store_explicit": "atomic_store",
		"atomic_exchange_explicit":              "atomic_exchange",
		"atomic_compare_exchange_weak_explicit": "atomic_compare_exchange",
		"atomic_fetch_add_explicit":             "atomic_fetch_add", "atomic_fetch_sub_explicit": "atomic_fetch_sub",
		"atomic_fetch_min_explicit": "atomic_fetch_min", "atomic_fetch_max_explicit": "atomic_fetch_max",
		"atomic_fetch_and_explicit": "atomic_fetch_and", "atomic_fetch_or_explicit": "atomic_fetch_or",
		"atomic_fetch_xor_explicit": "atomic_fetch_xor",
		"atomic_min_explicit":       "atomic_fetch_min", "atomic_max_explicit": "atomic_fetch_max",
	} {
		builtins[name] = &builtin{kind: special, name: target, typed: typeAtomic}
	}
}

// zmlxOnly are functions that Metal lacks: they exist as zmlx::name, for
// generated code, and not by their bare names.
var zmlxOnly = map[string]bool{"expm1": true, "erf": true, "erfinv": true, "lgamma": true}

// missingFunctions are names that people expect and Metal does not have.
var missingFunctions = map[string]string{
	"erf":              "Metal has no erf: put an approximation of your own into the header, or write zmlx::erf, which MLX on a Mac does not have",
	"expm1":            "Metal has no expm1: use exp(x) - 1, or write zmlx::expm1, which MLX on a Mac does not have",
	"erfinv":           "Metal has no erfinv: write zmlx::erfinv, which MLX on a Mac does not have",
	"lgamma":           "Metal has no lgamma: write zmlx::lgamma, which MLX on a Mac does not have",
	"sigmoid":          "Metal has no sigmoid: write 1 / (1 + exp(-x))",
	"atomic_fetch_add": "use atomic_fetch_add_explicit(&x, v, memory_order_relaxed)",
	"atomic_load":      "use atomic_load_explicit(&x, memory_order_relaxed)",
	"cbrt":             "Metal has no cbrt: use pow(x, 1.0f / 3.0f)", "hypot": "Metal has no hypot: use sqrt(x*x + y*y) or length(float2(x, y))",
	"swap": "Metal has no swap: use a temporary variable",
}

// missingNames are variables that people expect and Metal does not have.
var missingNames = map[string]string{
	"threadIdx": "this is CUDA: use thread_position_in_threadgroup",
	"blockIdx":  "this is CUDA: use threadgroup_position_in_grid",
	"blockDim":  "this is CUDA: use threads_per_threadgroup",
	"gridDim":   "this is CUDA: use threadgroups_per_grid",
	"warpSize":  "this is CUDA: use threads_per_simdgroup",
	"M_PI":      "Metal has M_PI_F, a float", "M_E": "Metal has M_E_F, a float", "M_LN2": "Metal has M_LN2_F, a float", "M_SQRT2": "Metal has M_SQRT2_F, a float",
	"NULL": "use nullptr", "DBL_MAX": "Metal has no double: use FLT_MAX",
}

func init() {
	for cuda, metal := range map[string]string{
		"__syncthreads": "threadgroup_barrier(mem_flags::mem_threadgroup)", "__syncwarp": "simdgroup_barrier(mem_flags::mem_threadgroup)",
		"__threadfence":       "atomic_thread_fence(mem_flags::mem_device, memory_order_relaxed)",
		"__threadfence_block": "threadgroup_barrier(mem_flags::mem_threadgroup)",
		"__shfl_sync":         "simd_shuffle(x, lane)", "__shfl_down_sync": "simd_shuffle_down(x, delta)", "__shfl_up_sync": "simd_shuffle_up(x, delta)",
		"__shfl_xor_sync": "simd_shuffle_xor(x, mask)", "__shfl": "simd_shuffle(x, lane)", "__shfl_down": "simd_shuffle_down(x, delta)", "__shfl_xor": "simd_shuffle_xor(x, mask)",
		"__ballot_sync": "simd_ballot(p)", "__any_sync": "simd_any(p)", "__all_sync": "simd_all(p)", "__activemask": "simd_active_threads_mask()",
		"__reduce_add_sync": "simd_sum(x)", "__reduce_max_sync": "simd_max(x)", "__reduce_min_sync": "simd_min(x)",
		"atomicAdd": "atomic_fetch_add_explicit(&x, v, memory_order_relaxed)", "atomicSub": "atomic_fetch_sub_explicit(&x, v, memory_order_relaxed)",
		"atomicMax": "atomic_fetch_max_explicit(&x, v, memory_order_relaxed)", "atomicMin": "atomic_fetch_min_explicit(&x, v, memory_order_relaxed)",
		"atomicExch": "atomic_exchange_explicit(&x, v, memory_order_relaxed)", "atomicOr": "atomic_fetch_or_explicit(&x, v, memory_order_relaxed)",
		"atomicAnd": "atomic_fetch_and_explicit(&x, v, memory_order_relaxed)", "atomicXor": "atomic_fetch_xor_explicit(&x, v, memory_order_relaxed)",
		"atomicCAS": "atomic_compare_exchange_weak_explicit(&x, &expected, v, memory_order_relaxed, memory_order_relaxed)",
		"__ldg":     "x[i], since there is no separate read-only load", "__popc": "popcount(x)", "__clz": "clz(x)", "__ffs": "ctz(x) + 1", "__brev": "reverse_bits(x)",
		"__expf": "fast::exp(x)", "__logf": "fast::log(x)", "__sinf": "fast::sin(x)", "__cosf": "fast::cos(x)", "__powf": "fast::pow(x, y)", "__fdividef": "x / y", "__fmaf_rn": "fma(a, b, c)",
		"__float2half": "half(x)", "__half2float": "float(x)", "__float2bfloat16": "bfloat(x)", "__bfloat162float": "float(x)",
		"__int_as_float": "as_type<float>(x)", "__float_as_int": "as_type<int>(x)", "__uint_as_float": "as_type<float>(x)", "__float_as_uint": "as_type<uint>(x)",
	} {
		missingFunctions[cuda] = "this is CUDA: use " + metal
	}
	// C's names for functions of float.
	for _, name := range strings.Fields("exp exp2 log log2 log10 log1p sqrt rsqrt tanh sinh cosh sin cos tan asin acos atan atan2 pow floor ceil round trunc fmod fabs fma copysign ldexp") {
		missingFunctions[name+"f"] = "use " + name
	}
	missingFunctions["fmaxf"], missingFunctions["fminf"], missingFunctions["expm1f"], missingFunctions["erff"] = "use max", "use min", missingFunctions["expm1"], missingFunctions["erf"]
}

// unsupportedFunctions are Metal's functions outside the kernel language.
var unsupportedFunctions = map[string]string{
	"printf": "kernels cannot print", "get_null_sampler": "textures are not in the kernel language",
	"simdgroup_async_copy": "copy with a loop over the threads", "simdgroup_event_wait": "copy with a loop over the threads",
}

var builtinNames = sync.OnceValue(func() []string {
	var names []string
	for n := range builtins {
		if !zmlxOnly[n] {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names
})

// callBuiltin types a call of a builtin.
func (c *checker) callBuiltin(fn *parse.Ident, x *parse.Call, s *scope) Expr {
	b := builtins[fn.Name]
	if zmlxOnly[fn.Name] && (len(fn.Path) == 0 || fn.Path[0] != "zmlx") {
		c.arguments(x.Args, s)
		c.errs.Errorf(fn.Span, UndeclaredFunction, "no function %s", fn.Name).Hint = missingFunctions[fn.Name]
		return bad(x.Span)
	}
	args, ok := c.arguments(x.Args, s)
	if !ok {
		return bad(x.Span)
	}
	return c.builtin(fn, b, args, x, s)
}

func (c *checker) builtin(fn *parse.Ident, b *builtin, args []argument, x *parse.Call, s *scope) Expr {
	call := &builtinCall{name: b.name, fn: fn, span: x.Span, s: s}
	for _, p := range fn.Path {
		call.fast = call.fast || p == "fast"
	}
	for _, a := range args {
		if a.list != nil {
			c.errs.Errorf(a.list.Span, InvalidInit, "a braced list is no argument of %s", fn.Name)
			return bad(x.Span)
		}
		if t := a.e.Type(); t.Kind == Atomic {
			c.errs.Errorf(a.e.Range(), AtomicAccess, "an atomic cannot be read like a plain variable").Hint = "use atomic_load_explicit(&x, memory_order_relaxed)"
			return bad(x.Span)
		}
		e := c.known(a.e)
		if b.kind != special {
			e = c.decayed(e)
		}
		call.args = append(call.args, e)
	}
	if b.kind == special {
		return b.typed(c, b, call)
	}
	if b.n != len(call.args) {
		c.errs.Errorf(x.Span, WrongArgCount, "%s takes %d arguments, not %d", fn.Name, b.n, len(call.args))
		return bad(x.Span)
	}
	if e := c.complexMath(fn, call); e != nil {
		return e
	}
	switch b.kind {
	case floatFunc, testFunc:
		t := c.unify(call.args, call, true)
		if t == nil {
			return bad(x.Span)
		}
		if b.kind == testFunc {
			return call.result(t.Like(TBool), call.args...)
		}
		return call.result(t, call.args...)
	case numberFunc:
		if t := c.unify(call.args, call, false); t != nil {
			return call.result(t, call.args...)
		}
	case intFunc:
		t := c.unify(call.args, call, false)
		if t == nil {
			break
		}
		if !t.Scalar().IsInt() {
			c.errs.Errorf(x.Span, NoMatch, "%s takes integers, not %s", fn.Name, t)
			break
		}
		if call.name == "absdiff" {
			return call.result(t.Like(unsigned(t.Scalar())), call.args...)
		}
		return call.result(t, call.args...)
	case geometric:
		return c.geometricCall(call)
	case simdReduce:
		t := call.args[0].Type()
		if first := strings.HasSuffix(call.name, "broadcast_first"); !c.shuffles(t) || !first && !(t.Scalar().IsInt() || t.Scalar().IsFloat()) {
			if t.Kind == Bool && !first {
				return call.result(TInt, c.cast(call.args[0], TInt))
			}
			c.errs.Errorf(x.Span, NoMatch, "%s does not take %s", fn.Name, t)
			break
		}
		if sc := t.Scalar(); (strings.HasSuffix(call.name, "_and") || strings.HasSuffix(call.name, "or")) && !sc.IsInt() {
			c.errs.Errorf(x.Span, NoMatch, "%s takes integers, not %s", fn.Name, t)
			break
		}
		return call.result(t, call.args[0])
	case simdShuffle:
		t := call.args[0].Type()
		if !c.shuffles(t) {
			c.errs.Errorf(x.Span, NoMatch, "%s does not take %s", fn.Name, t)
			break
		}
		lane := c.convert(call.args[1], TUInt, "use this as a lane number")
		if !invalid(lane) {
			return call.result(t, call.args[0], lane)
		}
	}
	return bad(x.Span)
}

// shuffles reports whether values of t can move between lanes.
func (c *checker) shuffles(t *Type) bool {
	switch t.Kind {
	case StructKind:
		return !c.holdsArray(t)
	case Vector:
		return true
	}
	return t.IsScalar()
}

// complexMath calls a user's or the prelude's overload for struct arguments.
func (c *checker) complexMath(fn *parse.Ident, call *builtinCall) Expr {
	for _, a := range call.args {
		if a.Type().Kind != StructKind {
			continue
		}
		if strings.HasPrefix(fn.Name, "simd_") || strings.HasPrefix(fn.Name, "quad_") {
			return nil
		}
		args := exprArgs(c, call.args)
		for s := c.file; s != nil; s = s.parent {
			if o, ok := s.names[fn.Name].(*overloads); ok {
				if cand := c.choose(o.fns, args, nil, call.s, call.span, false); cand != nil {
					return c.invoke(cand, nil, args, call.span)
				}
			}
		}
		c.errs.Errorf(call.span, NoMatch, "%s does not take %s", fn.Name, a.Type())
		return bad(call.span)
	}
	return nil
}

func unsigned(t *Type) *Type {
	switch t.Kind {
	case Char:
		return TUChar
	case Short:
		return TUShort
	case Int:
		return TUInt
	case Long:
		return TULong
	}
	return t
}

// unify brings args to one type, scalars joining vectors, and returns it; nil
// after reporting that there is none.
func (c *checker) unify(args []Expr, call *builtinCall, floats bool) *Type {
	var t *Type
	for _, a := range args {
		at := a.Type()
		switch {
		case at.Kind == Invalid:
			return nil
		case at.Kind == Vector:
			if t != nil && t.Kind == Vector && (t.Len != at.Len || !Identical(t.Elem, at.Elem)) {
				c.errs.Errorf(call.span, MismatchedTypes, "%s of %s and %s", call.fn.Name, t, at).Hint = "the vectors need the same element type and length"
				return nil
			}
			t = VectorOf(at.Elem, at.Len)
		case at.IsScalar():
			switch {
			case t == nil:
				t = at
			case t.Kind != Vector && t.Kind != at.Kind:
				if t.IsInt() && at.IsInt() && t.Kind >= Int && at.Kind >= Int {
					c.errs.Errorf(call.span, Ambiguous, "Metal finds %s of %s and %s ambiguous", call.fn.Name, t, at).Hint = fmt.Sprintf("convert one of them, as in %s(…), or give a literal its suffix, as in 32u", common(t, at))
					return nil
				}
				t = common(t, at)
			}
		default:
			d := c.errs.Errorf(a.Range(), NoMatch, "%s does not take %s", call.fn.Name, at)
			if at.Kind == Pointer {
				d.Hint = "index the pointer, as in p[i]"
			}
			return nil
		}
	}
	if t.Kind == Bool {
		t = TInt
	}
	if floats && !t.Scalar().IsFloat() {
		if t.Kind == Vector {
			c.errs.Errorf(call.span, NoMatch, "%s takes floats, not %s", call.fn.Name, t).Hint = fmt.Sprintf("convert it: float%d(…)", t.Len)
			return nil
		}
		c.errs.Errorf(call.span, Ambiguous, "Metal finds %s of %s ambiguous", call.fn.Name, t).Hint = "it has a half and a float form: convert the argument, as in float(…)"
		return nil
	}
	for i, a := range args {
		args[i] = c.cast(a, t)
	}
	return t
}

func (c *checker) geometricCall(call *builtinCall) Expr {
	args := call.args
	var eta Expr
	if call.name == "refract" {
		eta, args = args[2], args[:2]
	}
	t := c.unify(args, call, true)
	if t == nil {
		return bad(call.span)
	}
	switch call.name {
	case "dot", "length", "length_squared", "distance", "distance_squared":
		return call.result(t.Scalar(), args...)
	case "cross":
		if t.Comps() != 3 {
			c.errs.Errorf(call.span, NoMatch, "cross takes vectors of 3, not %s", t)
			return bad(call.span)
		}
	case "refract":
		return call.result(t, args[0], args[1], c.convert(eta, t.Scalar(), "use this as the ratio"))
	}
	return call.result(t, args...)
}

// wantArgs reports a wrong number of arguments.
func (c *checker) wantArgs(call *builtinCall, least, most int) bool {
	if n := len(call.args); n < least || n > most {
		want := fmt.Sprint(least)
		if most > least {
			want = fmt.Sprintf("%d to %d", least, most)
		}
		c.errs.Errorf(call.span, WrongArgCount, "%s takes %s arguments, not %d", call.fn.Name, want, n)
		return false
	}
	return true
}

func typeLdexp(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 2, 2) {
		return bad(call.span)
	}
	t := c.unify(call.args[:1], call, true)
	if t == nil {
		return bad(call.span)
	}
	if et := call.args[1].Type(); !et.Scalar().IsScalar() {
		c.errs.Errorf(call.args[1].Range(), NoMatch, "the exponent of ldexp is an integer, not %s", et)
		return bad(call.span)
	}
	k := call.args[1]
	if k.Type().IsScalar() {
		k = c.cast(c.cast(k, TInt), t.Like(TInt))
	} else if k.Type().Len != t.Comps() {
		c.errs.Errorf(call.span, MismatchedTypes, "ldexp of %s and %s", t, k.Type())
		return bad(call.span)
	} else {
		k = c.cast(k, t.Like(TInt))
	}
	return call.result(t, call.args[0], k)
}

func typeIlogb(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 1, 1) {
		return bad(call.span)
	}
	if t := c.unify(call.args, call, true); t != nil {
		return call.result(t.Like(TInt), call.args...)
	}
	return bad(call.span)
}

func typeFrexp(c *checker, b *builtin, call *builtinCall) Expr {
	return c.withResult(call, TInt)
}

func typeModf(c *checker, b *builtin, call *builtinCall) Expr {
	return c.withResult(call, nil)
}

// withResult types f(x, thread T& second result).
func (c *checker) withResult(call *builtinCall, second *Type) Expr {
	if !c.wantArgs(call, 2, 2) {
		return bad(call.span)
	}
	t := c.unify(call.args[:1], call, true)
	if t == nil || !c.assigned(call.args[1], call.args[1].Range()) {
		return bad(call.span)
	}
	want := t
	if second != nil {
		want = t.Like(second)
	}
	if at := call.args[1].Type(); !Identical(at, want) {
		c.errs.Errorf(call.args[1].Range(), MismatchedTypes, "%s stores a %s, and this is %s", call.fn.Name, want, at)
		return bad(call.span)
	}
	return call.result(t, call.args...)
}

func typeAllAny(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 1, 1) {
		return bad(call.span)
	}
	t := call.args[0].Type()
	if !t.Scalar().IsScalar() {
		c.errs.Errorf(call.span, NoMatch, "%s takes a vector of bool, not %s", call.fn.Name, t)
		return bad(call.span)
	}
	return call.result(TBool, c.cast(call.args[0], t.Like(TBool)))
}

func typeSelect(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 3, 3) {
		return bad(call.span)
	}
	cond := call.args[2]
	ct := cond.Type()
	t := c.unify(call.args[:2], call, false)
	if t == nil {
		return bad(call.span)
	}
	if !ct.Scalar().IsScalar() || ct.Kind == Vector && ct.Comps() != t.Comps() {
		c.errs.Errorf(call.span, MismatchedTypes, "select of %s cannot go by %s", t, ct).Hint = "select(ifFalse, ifTrue, condition): the condition has as many elements as the values"
		return bad(call.span)
	}
	if t.Kind == Vector && ct.IsScalar() {
		cond = c.cast(c.cast(cond, TBool), t.Like(TBool))
	}
	return call.result(t, call.args[0], call.args[1], c.cast(cond, t.Like(TBool)))
}

func typeBits(c *checker, b *builtin, call *builtinCall) Expr {
	values := 1
	if call.name == "insert_bits" {
		values = 2
	}
	if !c.wantArgs(call, values+2, values+2) {
		return bad(call.span)
	}
	t := c.unify(call.args[:values], call, false)
	if t == nil {
		return bad(call.span)
	}
	if !t.Scalar().IsInt() {
		c.errs.Errorf(call.span, NoMatch, "%s takes integers, not %s", call.fn.Name, t)
		return bad(call.span)
	}
	for i := values; i < values+2; i++ {
		call.args[i] = c.convert(call.args[i], TUInt, "use this as a bit number")
		if invalid(call.args[i]) {
			return bad(call.span)
		}
	}
	return call.result(t, call.args...)
}

func typeBarrier(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 0, 3) {
		return bad(call.span)
	}
	return call.result(TVoid)
}

func typeFill(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 3, 4) {
		return bad(call.span)
	}
	t := call.args[0].Type()
	if !c.shuffles(t) {
		c.errs.Errorf(call.span, NoMatch, "%s does not take %s", call.fn.Name, t)
		return bad(call.span)
	}
	fill := c.convert(call.args[1], t, "fill with this")
	delta := c.convert(call.args[2], TUInt, "use this as a distance")
	width := int64(32)
	if strings.HasPrefix(call.name, "quad") {
		width = 4
	}
	var mod Expr = intConst(TUInt, width)
	if len(call.args) == 4 {
		mod = c.convert(call.args[3], TUInt, "use this as a width")
	}
	if invalid(fill, delta, mod) {
		return bad(call.span)
	}
	return call.result(t, call.args[0], fill, delta, mod)
}

func typeVote(c *checker, b *builtin, call *builtinCall) Expr {
	n := 0
	result := TULong
	switch {
	case strings.HasSuffix(call.name, "_all"), strings.HasSuffix(call.name, "_any"):
		n, result = 1, TBool
	case strings.HasSuffix(call.name, "_ballot"):
		n = 1
	case strings.HasSuffix(call.name, "_is_first"):
		result = TBool
	case call.name == "simd_is_helper_thread":
		k := boolConst(false)
		k.Span = call.span
		return k
	}
	if !c.wantArgs(call, n, n) {
		return bad(call.span)
	}
	if n == 1 {
		call.args[0] = c.condition(call.args[0])
		if invalid(call.args[0]) {
			return bad(call.span)
		}
	}
	return call.result(result, call.args...)
}

// typeAtomic types the atomic functions. Memory orders do not matter.
func typeAtomic(c *checker, b *builtin, call *builtinCall) Expr {
	least := 2
	switch call.name {
	case "atomic_load":
		least = 1
	case "atomic_compare_exchange":
		least = 3
	}
	if !c.wantArgs(call, least, least+2) {
		return bad(call.span)
	}
	p := c.decayed(call.args[0])
	t := p.Type()
	if t.Kind != Pointer || t.Elem.Kind != Atomic {
		d := c.errs.Errorf(p.Range(), NotAnAtomic, "%s needs a pointer to an atomic, and this is %s", call.fn.Name, t)
		switch {
		case t.Kind == Pointer:
			d.Hint = fmt.Sprintf("cast it: (%s atomic<%s>*)p, or run the kernel with atomic_outputs", t.Space, t.Elem)
		default:
			d.Hint = "take its address: &x"
		}
		return bad(call.span)
	}
	if t.Const && call.name != "atomic_load" {
		c.errs.Errorf(p.Range(), AssignToConst, "this atomic is const")
		return bad(call.span)
	}
	elem := t.Elem.Elem
	bitwise := strings.HasSuffix(call.name, "_and") || strings.HasSuffix(call.name, "_or") || strings.HasSuffix(call.name, "_xor")
	minmax := strings.HasSuffix(call.name, "_min") || strings.HasSuffix(call.name, "_max")
	if elem.Kind == Float && (bitwise || minmax) || elem.Kind == Bool && least == 2 && call.name != "atomic_store" && call.name != "atomic_exchange" {
		c.errs.Errorf(call.span, NoMatch, "Metal has no %s for %s", call.fn.Name, elem)
		return bad(call.span)
	}
	switch call.name {
	case "atomic_load":
		return call.result(elem, p)
	case "atomic_compare_exchange":
		exp := c.decayed(call.args[1])
		if et := exp.Type(); et.Kind != Pointer || !Identical(et.Elem, elem) {
			c.errs.Errorf(exp.Range(), NoMatch, "the expected value has to be a thread %s*, and this is %s", elem, et)
			return bad(call.span)
		}
		var lv Expr = &Deref{Typed{elem, exp.Range()}, exp}
		if a, ok := exp.(*AddrOf); ok {
			lv = a.X
		}
		v := c.convert(call.args[2], elem, "store this")
		if invalid(v) {
			return bad(call.span)
		}
		return call.result(TBool, p, lv, v)
	}
	v := c.convert(call.args[1], elem, "use this value")
	if invalid(v) {
		return bad(call.span)
	}
	result := elem
	if call.name == "atomic_store" {
		result = TVoid
	}
	return call.result(result, p, v)
}

// typeMatrixMove types simdgroup_load and simdgroup_store.
func typeMatrixMove(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 2, 5) {
		return bad(call.span)
	}
	m := call.args[0]
	p := c.decayed(call.args[1])
	if m.Type().Kind != Matrix {
		c.errs.Errorf(m.Range(), NoMatch, "%s needs a simdgroup_matrix, and this is %s", call.fn.Name, m.Type())
		return bad(call.span)
	}
	if t := p.Type(); t.Kind != Pointer || !Identical(t.Elem, m.Type().Elem) {
		c.errs.Errorf(p.Range(), NoMatch, "%s of a %s needs a pointer to %s, and this is %s", call.fn.Name, m.Type(), m.Type().Elem, t)
		return bad(call.span)
	} else if t.Const && call.name == "simdgroup_store" {
		c.errs.Errorf(p.Range(), AssignToConst, "this memory is const")
		return bad(call.span)
	}
	if call.name == "simdgroup_load" && !c.assigned(m, m.Range()) {
		return bad(call.span)
	}
	var row Expr = intConst(TULong, 8)
	var origin Expr = c.zero(VectorOf(TULong, 2), call.span)
	var transpose Expr = boolConst(false)
	if len(call.args) > 2 {
		row = c.convert(call.args[2], TULong, "use this as the row length")
	}
	if len(call.args) > 3 {
		o := call.args[3]
		if o.Type().Kind == Vector && o.Type().Len == 2 {
			origin = c.cast(o, VectorOf(TULong, 2))
		} else {
			origin = c.convert(o, VectorOf(TULong, 2), "use this as the origin")
		}
	}
	if len(call.args) > 4 {
		transpose = c.condition(call.args[4])
	}
	if invalid(row, origin, transpose) {
		return bad(call.span)
	}
	return call.result(TVoid, m, p, row, origin, transpose)
}

func typeMatrixMul(c *checker, b *builtin, call *builtinCall) Expr {
	n := 3
	if call.name == "simdgroup_multiply_accumulate" {
		n = 4
	}
	if !c.wantArgs(call, n, n) {
		return bad(call.span)
	}
	for i, a := range call.args {
		if a.Type().Kind != Matrix {
			c.errs.Errorf(a.Range(), NoMatch, "argument %d of %s has to be a simdgroup_matrix, and is %s", i+1, call.fn.Name, a.Type())
			return bad(call.span)
		}
	}
	if !c.assigned(call.args[0], call.args[0].Range()) {
		return bad(call.span)
	}
	return call.result(TVoid, call.args...)
}

func typeMatrixFill(c *checker, b *builtin, call *builtinCall) Expr {
	if !c.wantArgs(call, 1, 1) {
		return bad(call.span)
	}
	elem := call.args[0].Type()
	if len(call.fn.Args) > 0 {
		if a := c.templateArg(call.fn.Args[0], call.s, nil); a.typ != nil {
			elem = a.typ
		}
	}
	if elem != THalf && elem != TBFloat && elem != TFloat {
		c.errs.Errorf(call.span, NoMatch, "there is no simdgroup_matrix of %s", elem).Hint = "elements are half, bfloat or float"
		return bad(call.span)
	}
	v := c.explicit(call.args[0], elem, call.span)
	if invalid(v) {
		return bad(call.span)
	}
	call.name = "simdgroup_matrix_fill"
	return call.result(&Type{Kind: Matrix, Elem: elem}, v)
}
