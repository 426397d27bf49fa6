package c99

// This file implements the test of math functions: a program with a loop per
// function, compiled by the system's compiler, against float64.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var mathFlags = []string{"-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"}

type accuracy struct {
	name  string
	ulp   float64 // the bound
	exact func(x float64) float64
	from  float64 // where set, the bound holds from here on only
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

var accuracies = []accuracy{
	{"exp", 1.5, math.Exp, 0}, {"exp2", 1.5, math.Exp2, 0}, {"exp10", 1, func(x float64) float64 { return math.Pow(10, x) }, 0},
	{"expm1", 2, math.Expm1, 0}, {"log", 1.5, math.Log, 0}, {"log2", 2, math.Log2, 0}, {"log10", 1, math.Log10, 0},
	{"log1p", 2, math.Log1p, 0}, {"sin", 2, math.Sin, 0}, {"cos", 2, math.Cos, 0}, {"tan", 1, math.Tan, 0},
	{"sinpi", 2, sinPi, 0}, {"cospi", 1.5, cosPi, 0}, {"tanpi", 1, func(x float64) float64 { return sinPi(x) / cosPi(x) }, 0},
	{"asin", 2.5, math.Asin, 0}, {"acos", 2, math.Acos, 0}, {"atan", 2, math.Atan, 0},
	{"sinh", 2, math.Sinh, 0}, {"cosh", 2, math.Cosh, 0}, {"tanh", 2, math.Tanh, 0},
	{"asinh", 1, math.Asinh, 0}, {"acosh", 1, math.Acosh, 0}, {"atanh", 1, math.Atanh, 0},
	{"erf", 2, math.Erf, 0}, {"erfinv", 2, math.Erfinv, 0},
	{"lgamma", 2, func(x float64) float64 { v, _ := math.Lgamma(x); return v }, math.SmallestNonzeroFloat32},
	{"rsqrt", 1, func(x float64) float64 { return 1 / math.Sqrt(x) }, 0},
	{"sigmoid", 2.5, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 0},
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

func mathHarness() string {
	var names []string
	for _, a := range accuracies {
		names = append(names, "zm_"+a.name)
	}
	var b strings.Builder
	b.WriteString("#include <stdio.h>\n#include <time.h>\n#include <stdlib.h>\n" + mathSource(names))
	for _, n := range names {
		fmt.Fprintf(&b, "__attribute__((noinline)) static void loop_%s(float *restrict r, const float *restrict a) { for (int l = 0; l < 32; l++) r[l] = %s(a[l]); }\n", n, n)
	}
	b.WriteString("static float a[1<<24], r[1<<24];\nint main(int c, char **v) { (void)c; size_t n = fread(a, 4, 1<<24, stdin);\n")
	b.WriteString("struct timespec s, e; clock_gettime(CLOCK_MONOTONIC, &s);\n")
	for _, n := range names {
		fmt.Fprintf(&b, "if (!strcmp(v[1], \"%s\")) for (size_t i = 0; i < n; i += 32) loop_%s(r + i, a + i);\n", n[3:], n)
	}
	b.WriteString("clock_gettime(CLOCK_MONOTONIC, &e); fprintf(stderr, \"%.3f\", ((e.tv_sec - s.tv_sec) * 1e9 + (e.tv_nsec - s.tv_nsec)) / n);\nfwrite(r, 4, n, stdout); return 0; }\n")
	return b.String()
}

func buildMath(t *testing.T, text string, flags ...string) (string, string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler: cc is not in the path")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "math.c"), filepath.Join(dir, "math")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(cc, append(append(append([]string{}, mathFlags...), flags...), "-o", program, source, "-lm")...).CombinedOutput()
	if err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	return program, string(out)
}

// mathInputs are floats a fixed step of bits apart, random ones, and the
// special ones, to a multiple of 32.
func mathInputs() []float32 {
	step, count := uint64(1021), 1<<21
	if testing.Short() {
		step, count = 65521, 1<<15
	}
	var in []float32
	for u := uint64(0); u < 1<<32; u += step {
		in = append(in, math.Float32frombits(uint32(u)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range count {
		in = append(in, float32(random.NormFloat64()*4))
	}
	for _, x := range []float64{0, 1, 0.5, 1.5, 2, 3, 88.72284, 89, -87.33655, -103.97, 128, -149, -150, 0x1p-126, 0x1p-149, math.MaxFloat32, math.Inf(1), math.NaN(), 0x1p24, 0x1p23, 4, 10} {
		in = append(in, float32(x), float32(-x), math.Nextafter32(float32(x), 100), math.Nextafter32(float32(x), -100))
	}
	for len(in)%32 != 0 {
		in = append(in, 1)
	}
	return in
}

// TestMathAccuracy logs the greatest error and the time of each function.
func TestMathAccuracy(t *testing.T) {
	program, _ := buildMath(t, mathHarness())
	in := mathInputs()
	var raw bytes.Buffer
	if err := binary.Write(&raw, binary.LittleEndian, in); err != nil {
		t.Fatal(err)
	}
	for _, f := range accuracies {
		cmd := exec.Command(program, f.name)
		cmd.Stdin = bytes.NewReader(raw.Bytes())
		var took strings.Builder
		cmd.Stderr = &took
		out, err := cmd.Output()
		if err != nil || len(out) != 4*len(in) {
			t.Fatalf("%s: %v, %d bytes", f.name, err, len(out))
		}
		worst, at, value := 0.0, float32(0), float32(0)
		for i, x := range in {
			if f.from != 0 && x < float32(f.from) {
				continue
			}
			got := math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
			if e := errorInUlp(got, f.exact(float64(x))); e > worst {
				worst, at, value = e, x, got
			}
		}
		t.Logf("| %s | %.2f | %s |", f.name, worst, took.String())
		if worst > f.ulp {
			t.Errorf("%s(%g) = %g, want %g: off by %.2f ulp, at most %g allowed", f.name, at, value, f.exact(float64(at)), worst, f.ulp)
		}
	}
}

// TestMathVectorises asks gcc whether each loop became vector code.
func TestMathVectorises(t *testing.T) {
	_, out := buildMath(t, mathHarness(), "-fopt-info-vec-optimized")
	if !strings.Contains(out, "optimized:") {
		t.Skip("the compiler does not report vectorised loops")
	}
	lines := strings.Split(mathHarness(), "\n")
	done := map[string]bool{}
	for _, l := range strings.Split(out, "\n") {
		var n int
		if at := strings.Index(l, "math.c:"); at >= 0 && strings.Contains(l, "loop vectorized") {
			if _, err := fmt.Sscanf(l[at:], "math.c:%d:", &n); err == nil && n <= len(lines) {
				done[lines[n-1]] = true
			}
		}
	}
	for _, l := range lines {
		if strings.HasPrefix(l, "__attribute__((noinline)) static void loop_") && !done[l] {
			t.Errorf("not vectorised: %s", l)
		}
	}
}
