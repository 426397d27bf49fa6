package c99

// This file implements the test of functions of one float against float64.

import (
	"flag"
	"math"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFunctionsAlone compiles each function with what Functions says it needs,
// and only that.
func TestFunctionsAlone(t *testing.T) {
	all := targets()
	if len(all) == 0 {
		t.Skip("no C compiler: neither cc nor clang is in the path")
	}
	for _, name := range sortedNames() {
		if !strings.Contains(textOf(map[string]bool{name: true}), " "+name+"(") {
			t.Errorf("%s is not in the text of its own", name)
		}
	}
	if text := Functions(map[string]bool{"zm_exp": true, "zm_log": false, "expf": true}); strings.Contains(text, "zm_log(") || strings.Contains(text, "zm_sin") {
		t.Errorf("the text for exp has other functions:\n%s", text)
	}
	if testing.Short() {
		return
	}
	for i, name := range sortedNames() {
		if i%4 != 0 && strings.HasSuffix(name, "_d") {
			continue // mostly lines that call the C library
		}
		args := append(append([]string{}, all[0].command[1:]...), "-std=gnu11", "-O0", "-Wall", "-Wno-unused-function", "-Werror", "-fsyntax-only", "-x", "c", "-")
		cmd := exec.Command(all[0].command[0], args...)
		cmd.Stdin = strings.NewReader(textOf(map[string]bool{name: true}))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// A bound is how far a function may be from its value in float64, in units of
// the last place.
type bound struct {
	name  string
	ulp   float64
	exact func(x float64) float64
	from  float64 // where set, the bound holds from here on; below, one of the absolute error
}

func sinPi(x float64) float64 {
	r := math.Mod(x, 2)
	if r == math.Trunc(r) {
		return math.Copysign(0, x)
	}
	q := math.RoundToEven(2 * r)
	s, c := math.Sincos(math.Pi * (r - q/2))
	return []float64{s, c, -s, -c}[int(q)&3]
}

func cosPi(x float64) float64 {
	r := math.Mod(x, 2)
	q := math.RoundToEven(2 * r)
	s, c := math.Sincos(math.Pi * (r - q/2))
	return []float64{c, -s, -c, s}[int(q)&3] + 0
}

func tanPi(x float64) float64 { return sinPi(x) / cosPi(x) }

func exp10(x float64) float64 { return math.Pow(10, x) }

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

func rsqrt(x float64) float64 { return 1 / math.Sqrt(x) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

var bounds = []bound{
	{"sqrt", 0.5, math.Sqrt, 0}, {"rsqrt", 1, rsqrt, 0},
	{"exp", 1.5, math.Exp, 0}, {"exp2", 1.5, math.Exp2, 0}, {"exp10", 1, exp10, 0}, {"expm1", 2, math.Expm1, 0},
	{"log", 1.5, math.Log, 0}, {"log2", 2, math.Log2, 0}, {"log10", 1, math.Log10, 0}, {"log1p", 2, math.Log1p, 0},
	{"sin", 2, math.Sin, 0}, {"cos", 2, math.Cos, 0}, {"tan", 1, math.Tan, 0},
	{"sinpi", 2, sinPi, 0}, {"cospi", 2, cosPi, 0}, {"tanpi", 1, tanPi, 0},
	{"asin", 2, math.Asin, 0}, {"acos", 2, math.Acos, 0}, {"atan", 2, math.Atan, 0},
	{"sinh", 2, math.Sinh, 0}, {"cosh", 2, math.Cosh, 0}, {"tanh", 2, math.Tanh, 0},
	{"asinh", 1, math.Asinh, 0}, {"acosh", 1, math.Acosh, 0}, {"atanh", 1, math.Atanh, 0},
	{"erf", 2, math.Erf, 0}, {"exp32", 1.1, math.Exp, 0}, {"exp2_32", 1.5, math.Exp2, 0}, {"erf32", 1.5, math.Erf, 0}, {"erfinv", 2, math.Erfinv, 0}, {"lgamma", 1, lgamma, math.SmallestNonzeroFloat32},
	{"sigmoid", 2, sigmoid, 0}, {"sigmoid32", 2, sigmoid, 0}, {"abs", 0, math.Abs, 0},
	{"floor", 0, math.Floor, 0}, {"ceil", 0, math.Ceil, 0}, {"trunc", 0, math.Trunc, 0}, {"round", 0, math.Round, 0}, {"rint", 0, math.RoundToEven, 0},
}

// errorInUlp is the distance of got from want in units of want's last place.
func errorInUlp(got float32, want float64) float64 {
	w := float32(want)
	switch {
	case want != want:
		if got != got {
			return 0
		}
		return math.Inf(1)
	case got == w:
		if got == 0 && math.Signbit(float64(got)) != math.Signbit(want) {
			return math.Inf(1)
		}
		if math.IsInf(float64(w), 0) {
			return 0
		}
	case got != got || math.IsInf(want, 0):
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	unit := math.Ldexp(1, max(e-24, -149))
	g := float64(got)
	if math.IsInf(g, 0) {
		g = math.Copysign(0x1p128, g)
	}
	return math.Abs(g-want) / unit
}

// apart counts the steps from one float to another, which Go computed in
// float64 and rounded, as the interpreter does.
func apart(got float32, want float64) int64 {
	if got != got || want != want {
		return 0 // not both: an error that errorInUlp finds
	}
	order := func(f float32) int64 {
		u := math.Float32bits(f)
		if u>>31 != 0 {
			return -int64(u & 0x7fffffff)
		}
		return int64(u)
	}
	d := order(got) - order(float32(want))
	return max(d, -d)
}

var thorough = flag.Bool("thorough", false, "test the C functions on every 1021st float, by all compilers and processors at hand")

var special32 = specialFloats()

func specialFloats() []float32 {
	var list []float32
	for _, x := range []float64{0, 1, 0.5, 1.5, 2, 2.5, 3, 4, 7, 10, 33, 88.72284, 89, 87.33655, 103.97, 128, 149, 150, 1e-20, 3e20,
		0x1p-24, 0x1p-126, 0x1p-149, math.MaxFloat32, math.Pi / 2, math.Pi, 0x1p22, 0x1p23, 0x1p24, 0x1p31, 0x1p32, 0x1p63, math.Inf(1), math.NaN()} {
		f := float32(x)
		list = append(list, f, -f)
		if f == f && f-f == 0 {
			below, above := math.Nextafter32(f, -1), math.Nextafter32(f, float32(math.Inf(1)))
			list = append(list, below, -below, above, -above)
		}
	}
	return list
}

// sampleFloats are floats a fixed step of bits apart, random ones of usual
// size, and the special ones.
func sampleFloats() []float32 {
	step, count := uint64(16381), 1<<17
	switch {
	case *thorough:
		step, count = 1021, 1<<20
	case testing.Short():
		step, count = 131071, 1<<14
	}
	list := append([]float32{}, special32...)
	for u := uint64(0); u < 1<<32; u += step {
		list = append(list, math.Float32frombits(uint32(u)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range count {
		list = append(list, float32(random.NormFloat64()*4))
	}
	return list
}

// What takes 32 lanes at once gives the bits of the function of one: which of
// them a lane meets depends on the lanes beside it.
func TestWideFunctions(t *testing.T) {
	alone := map[string]string{
		"exp32": "exp", "exp2_32": "exp2", "erf32": "erf", "sigmoid32": "sigmoid", "min32": "min", "max32": "max",
		"round_half32": "round_half", "store_half32": "float_to_half", "load_half32": "half_to_float",
		"round_bfloat32": "round_bfloat", "store_bfloat32": "float_to_bfloat", "load_bfloat32": "bfloat_to_float",
	}
	for _, name := range sortedNames() {
		if wholeVectors.MatchString(name) && alone[strings.TrimPrefix(name, "zm_")] == "" {
			t.Errorf("%s is compared with nothing", name)
		}
	}
	in := sampleFloats()
	other := slices.Clone(in)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	every := make([]uint16, 1<<16)
	for i := range every {
		every[i] = uint16(i)
	}
	eachTarget(t, func(t *testing.T, p program) {
		for wide, one := range alone {
			s := signatures["zm_"+wide]
			args := []any{in, other}[:len(s)-1]
			if s[1] == 'h' {
				args = []any{every}
			}
			if s[0] == 'h' {
				sameBits[uint16](t, p, "zm_"+one, "zm_"+wide, args)
			} else {
				sameBits[uint32](t, p, "zm_"+one, "zm_"+wide, args)
			}
		}
	})
}

func sameBits[R uint16 | uint32](t *testing.T, p program, one, wide string, args []any) {
	t.Helper()
	a, _ := results[R](t, p, one, args...)
	b, _ := results[R](t, p, wide, args...)
	for i := range a {
		nan := uint64(a[i])<<1 > 0xff<<24 && uint64(b[i])<<1 > 0xff<<24
		if a[i] != b[i] && !(nan && len(args) == 2) { // of two NaN each may be the result
			t.Fatalf("result %d of %s is %#x, and %#x of %s", i, one, a[i], b[i], wide)
		}
	}
}

// TestAccuracy logs the greatest error and the time of each function, which is
// the table of docs/numerics.md.
func TestAccuracy(t *testing.T) {
	in := sampleFloats()
	eachTarget(t, func(t *testing.T, p program) {
		t.Log("| function | greatest error in ulp | from the interpreter | ns |")
		for _, f := range bounds {
			got, took := results[float32](t, p, "zm_"+f.name, in)
			worst, at, steps := 0.0, 0, int64(0)
			for i, x := range in {
				want := f.exact(float64(x))
				if f.from != 0 && x < float32(f.from) {
					if d := math.Abs(float64(got[i]) - want); d > 1.2e-7*(1+math.Abs(want)) {
						t.Errorf("%s(%g) = %g, want %g", f.name, x, got[i], want)
					}
					continue
				}
				if e := errorInUlp(got[i], want); e > worst {
					worst, at = e, i
				}
				steps = max(steps, apart(got[i], want))
			}
			t.Logf("| %s | %.2f | %d | %s |", f.name, worst, steps, took)
			if worst > f.ulp {
				t.Errorf("%s(%g) = %g, want %g: off by %.2f ulp, at most %g allowed", f.name, in[at], got[at], f.exact(float64(in[at])), worst, f.ulp)
			}
		}
	})
}

var vectorised = regexp.MustCompile(`(?m)^<stdin>:(\d+):.*loop vectorized`)

// TestVectorises asks gcc whether each loop over lanes became vector code.
func TestVectorises(t *testing.T) {
	all := targets()
	if len(all) == 0 || runtime.GOARCH != "amd64" {
		t.Skip("no C compiler for amd64")
	}
	// What a processor has no vector instruction for, or needs none.
	scalar := map[string]string{"zm_abs_u32": "-march", "zm_mulhi_i32": "x86-64", "zm_rotl_i32": "x86-64", "zm_rotl_u32": "x86-64",
		"zm_reverse_bits_i32": "x86-64", "zm_reverse_bits_u32": "x86-64"}
	var names []string
	for _, n := range sortedNames() {
		s := signatures[n]
		if !wholeVectors.MatchString(n) && !strings.HasSuffix(n, "_d") && !strings.ContainsAny(string(s), "lmh") {
			names = append(names, n)
		}
	}
	text, lines := programText(names)
	for _, arch := range []string{"-march=haswell", "-march=x86-64"} {
		args := append(append([]string{}, mathFlags...), arch, "-fopt-info-vec-optimized", "-S", "-o", "-", "-x", "c", "-")
		cmd := exec.Command(all[0].command[0], args...)
		cmd.Stdin = strings.NewReader(text)
		var out, report strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &report
		if err := cmd.Run(); err != nil || !strings.Contains(report.String(), "optimized:") {
			t.Skipf("the compiler does not report vectorised loops: %v", err)
		}
		done := map[string]bool{}
		for _, m := range vectorised.FindAllStringSubmatch(report.String(), -1) {
			line, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			done[lines[line]] = true
		}
		for _, n := range names {
			if !done[n] && (scalar[n] == "" || !strings.Contains(arch, scalar[n])) {
				t.Errorf("%s: %s is not vectorised", arch, n)
			}
		}
	}
}
