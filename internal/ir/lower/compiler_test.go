package lower_test

// This file implements a comparison with a C++ compiler: random programs in
// what Metal and C++ have in common have to compute the same bits.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A writer writes one random program. Nothing it writes is undefined in C++:
// indexes and shift counts are masked, divisors are not zero, loops end, and
// no expression reads what it also changes.
type writer struct {
	r     *rand.Rand
	b     strings.Builder
	depth int
	names int
	fresh []string // loop counters in scope, never assigned to
}

// vars are the variables that every program has, with their types.
var vars = map[string]string{
	"i0": "int", "i1": "int", "u0": "uint", "s0": "short", "h0": "ushort", "c0": "char", "b0": "uchar", "l0": "long", "m0": "ulong", "f0": "float", "f1": "float", "t0": "bool",
	"p.x": "int", "p.y": "float", "p.z": "short", "q.x": "int", "q.y": "float",
}

var varNames = []string{"i0", "i1", "u0", "s0", "h0", "c0", "b0", "l0", "m0", "f0", "f1", "t0", "p.x", "p.y", "p.z", "q.x", "q.y"}

func (w *writer) pick(list ...string) string { return list[w.r.IntN(len(list))] }

// value writes an expression of some arithmetic type.
func (w *writer) value(depth int) string {
	if depth <= 0 {
		switch w.r.IntN(6) {
		case 0:
			return fmt.Sprint(w.r.IntN(300) - 150)
		case 1:
			return w.pick("7u", "65535", "2147483647", "0x80000000u", "1l", "2.5f", "-0.75f", "0", "1", "true")
		case 2:
			if len(w.fresh) > 0 {
				return w.pick(w.fresh...)
			}
		case 3:
			return fmt.Sprintf("arr[(%s) & 7]", w.integer(0))
		}
		return w.pick(varNames...)
	}
	x, y := func() string { return w.value(depth - 1) }, func() string { return w.integer(depth - 1) }
	switch w.r.IntN(15) {
	case 0, 1, 2:
		return fmt.Sprintf("(%s %s %s)", x(), w.pick("+", "-", "*"), x())
	case 3:
		return fmt.Sprintf("(%s %s %s)", y(), w.pick("&", "|", "^"), y())
	case 4:
		return fmt.Sprintf("(%s %s (%s & 7))", y(), w.pick("<<", ">>"), y())
	case 5:
		return fmt.Sprintf("(%s %s ((%s & 15) + 1))", y(), w.pick("/", "%"), y())
	case 6:
		return fmt.Sprintf("(%s %s %s)", x(), w.pick("<", "<=", ">", ">=", "==", "!="), x())
	case 7:
		return fmt.Sprintf("(%s %s %s)", x(), w.pick("&&", "||"), x())
	case 8:
		return fmt.Sprintf("(%s ? %s : %s)", x(), x(), x())
	case 9:
		return fmt.Sprintf("%s(%s)", w.pick("int", "uint", "short", "uchar", "char", "long", "bool"), y())
	case 10:
		return w.pick("-", "!", "+") + "(" + x() + ")"
	case 11:
		return "(~" + y() + ")"
	case 12:
		return fmt.Sprintf("early(%s, %s)", y(), x())
	case 13:
		return fmt.Sprintf("looped(%s)", y())
	}
	return fmt.Sprintf("%s(%s)", w.pick("float", "tiny"), x())
}

// integer writes an expression of integer type.
func (w *writer) integer(depth int) string {
	switch w.r.IntN(3) {
	case 0:
		return w.pick("i0", "i1", "u0", "s0", "h0", "c0", "b0", "l0", "m0", "p.x", "p.z")
	case 1:
		if depth > 0 {
			return fmt.Sprintf("(%s %s %s)", w.integer(depth-1), w.pick("+", "-", "*", "&", "|", "^"), w.integer(depth-1))
		}
	}
	return "toint(" + w.value(depth-1) + ")"
}

func (w *writer) line(format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", w.depth+1))
	fmt.Fprintf(&w.b, format+"\n", args...)
}

func (w *writer) block(n int) {
	w.depth++
	for range n {
		w.stmt()
	}
	w.depth--
}

// assigned writes a value for a variable of type t: floats go to integers by
// toint only.
func (w *writer) assigned(t string) string {
	if t == "float" || t == "bool" {
		return w.value(2)
	}
	return w.integer(3)
}

func (w *writer) stmt() {
	v := w.pick(varNames...)
	n := w.r.IntN(14)
	if w.depth > 3 && n > 6 {
		n -= 7
	}
	switch n {
	case 0, 1, 2:
		w.line("%s = %s;", v, w.assigned(vars[v]))
	case 3:
		switch t := vars[v]; t {
		case "float":
			w.line("%s %s= %s;", v, w.pick("+", "-", "*"), w.value(2))
		case "bool":
			w.line("%s = !%s;", v, v)
		default:
			w.line("%s %s= %s;", v, w.pick("+", "-", "*", "&", "|", "^"), w.integer(2))
		}
	case 4:
		w.line("arr[%s & 7] %s %s;", w.integer(1), w.pick("=", "+=", "^="), w.integer(2))
	case 5:
		u := w.pick("i0", "u0", "s0", "c0", "b0", "l0", "p.x")
		x := w.pick("i1", "m0", "h0", "p.z", "q.y")
		w.line("%s = %s%s;", x, w.pick("++", "--", ""), u)
		w.line("%s%s;", u, w.pick("++", "--"))
	case 6:
		w.line("%s", w.pick("bump(i0, i1);", "i1 = bump(i0, 3) + 1;", "p = q;", "q = swapped(p);", "bump(p.x, q.x); q.x = 4;", "bump(arr[i1 & 7], 5);", "larger(i0, i1) += 2;", "{ P t = p; p = q; q = t; }", "p.add(3);", "f0 = q.add(i1);"))
	case 7, 8:
		w.line("if (%s) {", w.value(2))
		w.block(1 + w.r.IntN(3))
		if w.r.IntN(2) == 0 {
			w.line("} else {")
			w.block(1 + w.r.IntN(3))
		}
		w.line("}")
	case 9, 10:
		w.names++
		k := fmt.Sprintf("k%d", w.names)
		form := w.r.IntN(3)
		limit := 1 + w.r.IntN(6)
		switch form {
		case 0:
			w.line("for (int %s = 0; %s < %d; ++%s) {", k, k, limit, k)
		case 1:
			w.line("int %s = %d; while (%s-- > 0) {", k, limit, k)
		case 2:
			w.line("int %s = 0; do { %s++;", k, k)
		}
		w.fresh = append(w.fresh, k)
		w.block(1 + w.r.IntN(3))
		if w.r.IntN(2) == 0 {
			w.line("  if (%s) { %s; }", w.value(1), w.pick("break", "continue"))
			w.block(1)
		}
		w.fresh = w.fresh[:len(w.fresh)-1]
		if form == 2 {
			w.line("} while (%s < %d);", k, limit)
		} else {
			w.line("}")
		}
	case 11, 12:
		w.line("switch (%s & 3) {", w.integer(1))
		for k := range 2 + w.r.IntN(3) {
			label := fmt.Sprintf("case %d:", k)
			if k == 2 && w.r.IntN(2) == 0 {
				label = "default:"
			}
			w.line("%s {", label)
			w.block(1 + w.r.IntN(2))
			w.line("} %s", w.pick("break;", "break;", "", "if (i0 > 5) break;"))
		}
		w.line("}")
	case 13:
		w.line("{ int3 v = int3(i0, i1, toint(f0)); v[u0 %% 3u] += 2; v = v.zxy + int3(1); i0 = v.x; i1 = v.y ^ v.z; }")
	}
}

const shared = `
struct P { int x; float y; short z; int add(int n) { x += n; if (x > 10) { return x - 10; } z++; return x; } };
int toint(float v) { return v > -1000000.0f && v < 1000000.0f ? int(v) : 7; }
float tiny(float v) { return v * 0.001f; }
float early(int n, float v) { if (n < 0) { return v; } if (n == 0) { return 1; } else if (n > 50) { float w = v * 2; return w - n; } return n + 0.5f; }
int looped(int n) { int s = 0; for (int i = 0; i < 5; ++i) { if (i == 2 && n > 3) { continue; } if (s > 20) { return s - i; } s += i * (n & 7); } return s; }
int bump(REF(int) x, int by) { int old = x; x += by; if (by > 4) { return x; } return old; }
P swapped(P p) { P r; r.x = p.z; r.y = p.x; r.z = p.y > 3; p.x = 9; return r; }
REF(int) larger(REF(int) x, REF(int) y) { if (x > y) { return x; } return y; }
`

const prologue = `  int i0 = x0, i1 = x1; uint u0 = uint(x0) * 3u; short s0 = short(x1); ushort h0 = ushort(x0); char c0 = char(x1); uchar b0 = uchar(x0 + x1);
  long l0 = long(x0) * x1; ulong m0 = ulong(uint(x1)); float f0 = x0 * 0.5f, f1 = x1; bool t0 = x0 > x1; P p = {x0, f1, short(3)}; P q = {x1, 2.5f, short(4)};
  int arr[8] = {1, 2, 3, x0, x1};
`

const epilogue = `  out[0] = i0; out[1] = i1; out[2] = long(u0); out[3] = s0; out[4] = h0; out[5] = c0; out[6] = b0; out[7] = l0; out[8] = long(m0);
  out[9] = bits(f0); out[10] = bits(f1); out[11] = t0; out[12] = p.x; out[13] = bits(p.y); out[14] = p.z; out[15] = q.x; out[16] = bits(q.y); out[17] = q.z;
  for (int i = 0; i < 8; ++i) { out[18 + i] = arr[i]; }
`

const cppSupport = `#include <cstdio>
#include <cstring>
typedef unsigned int uint; typedef unsigned short ushort; typedef unsigned char uchar; typedef unsigned long ulong;
#define REF(T) T&
static long bits(float v) { int u; memcpy(&u, &v, 4); return v == v ? u : 0; }
struct int3 { int x, y, z; int3(int a) : x(a), y(a), z(a) {} int3(int a, int b, int c) : x(a), y(b), z(c) {} int& operator[](uint i) { return i == 0 ? x : i == 1 ? y : z; }
  int3 zxy() const { return int3(z, x, y); } };
static int3 operator+(int3 a, int3 b) { return int3(a.x + b.x, a.y + b.y, a.z + b.z); }
`

func TestAgainstCompiler(t *testing.T) {
	compiler, err := exec.LookPath("g++")
	if err != nil {
		t.Skip("there is no g++ to compare with")
	}
	const programs = 20
	inputs := [][2]int32{{5, -3}, {-77, 1000}, {2147483647, 12}}
	var bodies []string
	for seed := range uint64(programs) {
		w := &writer{r: rand.New(rand.NewPCG(seed, 2))}
		w.block(6 + w.r.IntN(8))
		bodies = append(bodies, prologue+w.b.String()+epilogue)
	}

	var src strings.Builder
	src.WriteString(cppSupport)
	src.WriteString(shared)
	for i, b := range bodies {
		fmt.Fprintf(&src, "static void k%d(int x0, int x1, long* out) {\n%s}\n", i, strings.ReplaceAll(b, "v.zxy", "v.zxy()"))
	}
	src.WriteString("int main() { long out[26];\n")
	for i := range bodies {
		for _, in := range inputs {
			fmt.Fprintf(&src, "  k%d(%d, %d, out); for (int i = 0; i < 26; ++i) printf(\"%%ld \", out[i]); puts(\"\");\n", i, in[0], in[1])
		}
	}
	src.WriteString("}\n")
	dir := t.TempDir()
	path := filepath.Join(dir, "programs.cc")
	if err := os.WriteFile(path, []byte(src.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "programs")
	if msg, err := exec.Command(compiler, "-O0", "-w", "-fwrapv", "-ffp-contract=off", "-o", exe, path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%.3000s", err, msg)
	}
	text, err := exec.Command(exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	header := strings.ReplaceAll(shared, "REF(int)", "thread int&") + "long bits(float v) { return v == v ? as_type<int>(v) : 0; }\n"
	for i, b := range bodies {
		for j, in := range inputs {
			out := make([]int64, 26)
			k := kernel{header: header, body: "  int x0 = a[0], x1 = a[1];\n" + b, inputs: []any{in[:]}, outputs: []any{out}}
			k.run(t)
			got := strings.Trim(fmt.Sprint(out), "[]")
			if want := strings.TrimSpace(lines[i*len(inputs)+j]); got != want {
				t.Fatalf("program %d on %v:\n%s\n got %s\nwant %s", i, in, b, got, want)
			}
		}
	}
}
