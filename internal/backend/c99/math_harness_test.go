package c99

// This file implements the program that tests of the C functions run: a loop
// of 32 lanes for each function, as kernels have it.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var mathFlags = []string{"-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror"}

// A signature is the types of a C function: of its result and its arguments,
// one letter each.
type signature string

var cTypes = map[byte]string{
	'f': "float", 'd': "double", 'i': "int32_t", 'u': "uint32_t", 'l': "int64_t", 'm': "uint64_t", 'h': "uint16_t",
}

var sizes = map[byte]int{'f': 4, 'd': 8, 'i': 4, 'u': 4, 'l': 8, 'm': 8, 'h': 2}

// signatures has every function that the tests call.
var signatures = map[string]signature{}

func declare(s signature, names string) {
	for _, name := range strings.Fields(names) {
		signatures["zm_"+name] = s
	}
}

const (
	floatUnary = "sqrt rsqrt exp exp2 exp10 log log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh " +
		"sinpi cospi tanpi floor ceil rint round trunc erf erfinv log1p expm1 lgamma abs"
	floatTests  = "isnan isinf isfinite isnormal signbit ilogb"
	floatBinary = "pow atan2 copysign nextafter fmod min max"
)

func init() {
	suffix := func(names, s string) string {
		return strings.Join(strings.Fields(names), s+" ") + s
	}
	declare("ff", floatUnary+" round_half round_bfloat f32_to_f16 f32_to_bf16")
	declare("ff", "sigmoid sigmoid32")
	declare("if", floatTests+" isnormal_f16 isnormal_bf16 f32_to_i32 f32_to_i16 f32_to_i8")
	declare("fff", floatBinary+" nextafter_f16 nextafter_bf16")
	declare("ffff", "fma fma_half fma_bfloat")
	declare("ffi", "ldexp")
	declare("dd", suffix(floatUnary, "_d"))
	declare("id", suffix(floatTests, "_d")+" f64_to_i32 f64_to_i16 f64_to_i8")
	declare("ddd", suffix(floatBinary, "_d"))
	declare("dddd", "fma_d")
	declare("ddi", "ldexp_d")
	declare("uf", "f32_to_u32 f32_to_u16 f32_to_u8")
	declare("ud", "f64_to_u32 f64_to_u16 f64_to_u8")
	declare("lf", "f32_to_i64")
	declare("mf", "f32_to_u64")
	declare("ld", "f64_to_i64")
	declare("md", "f64_to_u64")
	declare("hf", "float_to_half float_to_bfloat")
	declare("fh", "half_to_float bfloat_to_float")
	declare("hd", "double_to_half double_to_bfloat")
	declare("fd", "f64_to_f16 f64_to_bf16")
	declare("fi", "i32_to_f16 i32_to_bf16")
	declare("fu", "u32_to_f16 u32_to_bf16")
	declare("fl", "i64_to_f16 i64_to_bf16")
	declare("fm", "u64_to_f16 u64_to_bf16")
	for letter, s := range map[string]string{"i": "_i32", "u": "_u32", "l": "_i64", "m": "_u64"} {
		declare(signature(letter+letter+letter), suffix("div rem mulhi rotl", s))
		declare(signature(letter+letter), suffix("clz ctz popcount reverse_bits abs", s))
	}
	declare("fh", "load_half32 load_bfloat32")
	declare("hf", "store_half32 store_bfloat32")
	declare("ff", "round_half32 round_bfloat32 exp32 exp2_32 erf32")
	declare("fff", "min32 max32")
}

// sigmoidText is what sigmoid is in definitions (internal/codegen), of one lane
// and of all.
const sigmoidText = `static inline float zm_sigmoid(float x) {
  float e = zm_exp(-zm_abs(x));
  float n = x < 0.0f ? e : 1.0f;
  return n - e * (n / (1.0f + e));
}

static inline void zm_sigmoid32(float *restrict v, const float *restrict x) {
  float a[32], e[32];
  for (int i = 0; i < 32; ++i) a[i] = -zm_abs(x[i]);
  zm_exp32(e, a);
  for (int i = 0; i < 32; ++i) {
    float n = x[i] < 0.0f ? e[i] : 1.0f;
    v[i] = n - e[i] * (n / (1.0f + e[i]));
  }
}
`

// textOf is Functions, with what only the tests have.
func textOf(used map[string]bool) string {
	if !used["zm_sigmoid"] && !used["zm_sigmoid32"] {
		return Functions(used)
	}
	with := maps.Clone(used)
	with["zm_exp"], with["zm_exp32"], with["zm_abs"] = true, true, true
	return Functions(with) + sigmoidText
}

// wholeVectors take 32 values at once.
var wholeVectors = regexp.MustCompile(`^zm_((load|store|round)_b?(half|float)|exp|exp2_|erf|sigmoid|min|max)32$`)

func sortedNames() []string { return slices.Sorted(maps.Keys(signatures)) }

const programEnd = `
int main(int c, char **v) {
  size_t n = strtoul(v[2], 0, 10);
  for (size_t k = 0; c == 3 && k < sizeof loops / sizeof *loops; k++) {
    if (strcmp(loops[k].name, v[1])) continue;
    void *in[3] = {0}, *out = malloc(n * 8);
    for (const char *t = loops[k].sizes + 1; *t; t++) {
      void *p = in[t - loops[k].sizes - 1] = malloc(n * 8);
      if (fread(p, *t - '0', n, stdin) != n) return 2;
    }
    loops[k].loop(n, out, in[0], in[1], in[2]);
    fwrite(out, loops[k].sizes[0] - '0', n, stdout);
    double best = 1e9; // ns for each of the last values, as many as a cache holds
    size_t m = n < 4096 ? n : 4096;
    for (int i = 0; i < 3; i++) in[i] = in[i] ? (char *)in[i] + (n - m) * (loops[k].sizes[i + 1] - '0') : 0;
    for (int i = 0; i < 50; i++) {
      struct timespec s, e;
      clock_gettime(CLOCK_MONOTONIC, &s);
      loops[k].loop(m, out, in[0], in[1], in[2]);
      clock_gettime(CLOCK_MONOTONIC, &e);
      double took = ((e.tv_sec - s.tv_sec) * 1e9 + (e.tv_nsec - s.tv_nsec)) / m;
      best = took < best ? took : best;
    }
    fprintf(stderr, "%.2f", best);
    return 0;
  }
  return 3;
}
`

// programText returns the text of a program with a loop for each function
// named, and the functions' names by the lines of their loops.
func programText(names []string) (string, map[int]string) {
	used := map[string]bool{}
	for _, n := range names {
		used[n] = true
	}
	var b, table strings.Builder
	lines := map[int]string{}
	b.WriteString("#include <stdio.h>\n#include <stdlib.h>\n#include <time.h>\n" + textOf(used))
	for _, n := range names {
		s := signatures[n]
		out, whole := cTypes[s[0]], wholeVectors.MatchString(n)
		fmt.Fprintf(&b, "__attribute__((noinline)) static void loop_%s(size_t n, void *restrict out, const void *a, const void *b, const void *c) {\n  (void)a, (void)b, (void)c;\n", n)
		fmt.Fprintf(&b, "  %s *restrict r = out;\n", out)
		var args []string
		digits := strconv.Itoa(sizes[s[0]])
		for i := 1; i < len(s); i++ {
			x := string(rune('a' - 1 + i))
			fmt.Fprintf(&b, "  const %s *p%s = %s;\n", cTypes[s[i]], x, x)
			args = append(args, "p"+x+"[i+l]")
			digits += strconv.Itoa(sizes[s[i]])
		}
		b.WriteString("  for (size_t i = 0; i < n; i += 32)\n")
		lines[strings.Count(b.String(), "\n")+1] = n
		switch {
		case whole && strings.HasPrefix(n, "zm_round"):
			fmt.Fprintf(&b, "    { memcpy(r + i, pa + i, 128); %s(r + i); }\n}\n", n)
		case whole && len(s) == 3:
			fmt.Fprintf(&b, "    { memcpy(r + i, pa + i, 128); %s(r + i, pb + i); }\n}\n", n)
		case whole:
			fmt.Fprintf(&b, "    %s(r + i, pa + i);\n}\n", n)
		default:
			fmt.Fprintf(&b, "    for (int l = 0; l < 32; ++l) r[i+l] = %s(%s);\n}\n", n, strings.Join(args, ", "))
		}
		fmt.Fprintf(&table, "  {%q, %q, loop_%s},\n", n, digits, n)
	}
	b.WriteString("static const struct { const char *name, *sizes; void (*loop)(size_t, void *, const void *, const void *, const void *); } loops[] = {\n")
	return b.String() + table.String() + "};" + programEnd, lines
}

// A target is a compiler and flags whose code can run here.
type target struct {
	name    string
	command []string
	runner  []string // before the program
}

// targets returns the native target first, and one with the fewest
// instructions; with -thorough also what is between, that of another compiler,
// and that of another processor, if it can be emulated.
func targets() []target {
	var all []target
	for _, cc := range []string{"cc", "clang"} {
		path, err := exec.LookPath(cc)
		if err != nil || len(all) > 0 && !*thorough {
			continue
		}
		native := "-march=native"
		if exec.Command(path, native, "-E", "-x", "c", os.DevNull).Run() != nil {
			native = "-mcpu=native"
		}
		all = append(all, target{cc + " " + native, []string{path, native}, nil})
		if runtime.GOARCH != "amd64" {
			continue
		}
		all = append(all, target{cc + " -march=x86-64", []string{path, "-march=x86-64"}, nil})
		has, _ := exec.Command(path, native, "-dM", "-E", "-x", "c", os.DevNull).Output()
		if *thorough && bytes.Contains(has, []byte("__AVX2__")) && bytes.Contains(has, []byte("__F16C__")) {
			all = append(all, target{cc + " -march=haswell", []string{path, "-march=haswell"}, nil})
		}
	}
	arm, err1 := exec.LookPath("aarch64-linux-gnu-gcc")
	qemu, err2 := exec.LookPath("qemu-aarch64")
	if *thorough && err1 == nil && err2 == nil {
		all = append(all, target{"aarch64-linux-gnu-gcc", []string{arm, "-static"}, []string{qemu}})
	}
	return all
}

// A program is the compiled loops of some functions.
type program struct {
	target
	path string
}

var builds struct {
	sync.Mutex
	dir  string
	done map[string]error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir)
	}
	os.Exit(code)
}

// build returns the program with all functions for a target, compiled once.
func (g target) build(t *testing.T) program {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "c99-math-")
		if err != nil {
			t.Fatal(err)
		}
		builds.dir, builds.done = dir, map[string]error{}
	}
	path := filepath.Join(builds.dir, strings.NewReplacer("/", "_", " ", "_").Replace(g.name))
	err, ok := builds.done[g.name]
	if !ok {
		text, _ := programText(sortedNames())
		err = os.WriteFile(path+".c", []byte(text), 0o600)
		if err == nil {
			args := append(append(g.command[1:len(g.command):len(g.command)], mathFlags...), "-o", path, path+".c", "-lm")
			if out, failed := exec.Command(g.command[0], args...).CombinedOutput(); failed != nil {
				err = fmt.Errorf("%s: %w\n%s", g.name, failed, out)
			}
		}
		builds.done[g.name] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return program{g, path}
}

// eachTarget runs a test for the native target and, unless -short is given,
// for the others.
func eachTarget(t *testing.T, test func(t *testing.T, p program)) {
	all := targets()
	if len(all) == 0 {
		t.Skip("no C compiler: neither cc nor clang is in the path")
	}
	if testing.Short() {
		all = all[:1]
	}
	for _, g := range all {
		t.Run(strings.ReplaceAll(g.name, " ", ""), func(t *testing.T) { test(t, g.build(t)) })
	}
}

// results runs a function on slices of equal length, of the types that the
// function takes, and returns a slice of its results and its time in ns.
func results[R any](t *testing.T, p program, name string, args ...any) ([]R, string) {
	t.Helper()
	var in bytes.Buffer
	n := 0
	for i, a := range args {
		raw, err := binary.Append(nil, binary.LittleEndian, a)
		if err != nil {
			t.Fatal(err)
		}
		size := sizes[signatures[name][i+1]]
		n = len(raw) / size
		in.Write(raw)
		in.Write(make([]byte, (31-(n+31)%32)*size)) // up to whole vectors
	}
	whole := (n + 31) / 32 * 32
	command := append(append([]string{}, p.runner...), p.path, name, strconv.Itoa(whole))
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = &in
	var took strings.Builder
	cmd.Stderr = &took
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	r := make([]R, n)
	if _, err := binary.Decode(out, binary.LittleEndian, r); err != nil || len(out) != whole*binary.Size(r[:1]) {
		t.Fatalf("%s gave %d bytes for %d values: %v", name, len(out), n, err)
	}
	return r, took.String()
}
