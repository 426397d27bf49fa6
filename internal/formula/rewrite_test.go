package formula

import (
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
)

// A typed is a row of values, or one value for all of it.
type typed struct {
	kind byte // 'f' float, 'i' integer as the inputs, 's' signed one, 'b' bool, 'w' number without a type yet
	v    []float64
}

func (t typed) at(j int) float64 { return t.v[min(j, len(t.v)-1)] }

// A meaning evaluates formulas as their nodes say, with dtypes. Integers have
// 32 bits and wrap. Each float is off by noise, relatively, so that two
// evaluations show what a value's digits are worth.
type meaning struct {
	unsigned bool
	noise    float64
	rand     *rand.Rand
	wrapped  bool // an integer was
}

// integer wraps v.
func (m *meaning) integer(v int64, kind byte) float64 {
	r := int64(int32(v))
	if m.unsigned && kind == 'i' {
		r = int64(uint32(v))
	}
	m.wrapped = m.wrapped || r != v
	return float64(r)
}

var integerOps = map[Op]bool{
	Add: true, Sub: true, Mul: true, Div: true, Rem: true, Min: true, Max: true, Pow: true, Neg: true, Abs: true, Sign: true,
	Square: true, Floor: true, Ceil: true, Round: true, Trunc: true, Stop: true, Select: true, Sum: true, Prod: true, MaxOf: true, MinOf: true,
}

// kind returns the type of an operation's result.
func (m *meaning) kind(op Op, args []typed) byte {
	switch {
	case op.IsTest():
		return 'b'
	case op == ArgMax || op == ArgMin:
		return 's'
	case !integerOps[op]:
		return 'f'
	}
	weak, integer := op != Sum && op != Prod, byte('s')
	for i, a := range args {
		switch a.kind {
		case 'f':
			return 'f'
		case 'i':
			integer = 'i'
		}
		weak = weak && (a.kind == 'w' || op == Select && i == 0)
	}
	switch {
	case weak && op == Div, op == Pow && args[1].kind == 'w' && args[1].v[0] < 0:
		return 'f' // numbers are mathematics
	case weak:
		return 'w'
	}
	return integer
}

func (m *meaning) scalar(op Op, kind byte, v []float64, args []typed) float64 {
	operands := kind
	if kind == 'b' {
		operands = m.kind(Add, args)
	}
	if kind != 'i' && kind != 's' && (kind != 'b' || args[0].kind == 'f' || len(args) > 1 && args[1].kind == 'f') {
		r, _ := EvalScalar(op, v)
		return r
	}
	var n [3]int64
	for i := range v {
		if n[i] = int64(v[i]); args[i].kind != 'b' {
			n[i] = int64(m.integer(n[i], operands))
		}
	}
	switch op {
	case Add:
		return m.integer(n[0]+n[1], kind)
	case Sub:
		return m.integer(n[0]-n[1], kind)
	case Mul:
		return m.integer(n[0]*n[1], kind)
	case Div:
		if n[1] == 0 {
			return 0
		}
		return m.integer(n[0]/n[1], kind)
	case Rem:
		if n[1] == 0 {
			return 0
		}
		return m.integer(n[0]%n[1], kind)
	case Pow:
		r := int64(1)
		for range min(max(n[1], 0), 100) {
			r = int64(m.integer(r*n[0], kind))
		}
		return float64(r)
	case Neg:
		return m.integer(-n[0], kind)
	case Square:
		return m.integer(n[0]*n[0], kind)
	case Abs:
		return m.integer(max(n[0], -n[0]), kind)
	}
	r, _ := EvalScalar(op, []float64{float64(n[0]), float64(n[1]), float64(n[2])}[:len(v)])
	return r
}

// row computes the outputs for one row.
func (m *meaning) row(f *Formula, inputs []typed, size int) []typed {
	values := map[*Node]typed{}
	for _, n := range Reachable(f.Nodes()...) {
		args := make([]typed, len(n.Args))
		for i, a := range n.Args {
			args[i] = values[a]
		}
		t := typed{v: make([]float64, 1)}
		if n.Varies {
			t.v = make([]float64, size)
		}
		switch {
		case n.Op == Input:
			t = inputs[n.Index]
		case n.Op == Const:
			t.kind, t.v[0] = 'f', n.Value
			if n.Int {
				t.kind = 'w'
			}
		case n.Op == Size:
			t.kind, t.v[0] = 's', float64(size)
		case n.Op == Index:
			t.kind = 's'
			for j := range t.v {
				t.v[j] = float64(j)
			}
		case n.Op == Softmax || n.Op.IsReduction():
			t.kind = m.kind(n.Op, args)
			m.reduce(n.Op, &t, args[0], size)
		default:
			t.kind = m.kind(n.Op, args)
			for j := range t.v {
				var v [3]float64
				for i, a := range args {
					v[i] = a.at(j)
				}
				t.v[j] = m.scalar(n.Op, t.kind, v[:len(args)], args)
			}
		}
		if t.kind == 'f' && m.noise > 0 && n.Op != Input {
			for j := range t.v {
				t.v[j] *= 1 + m.noise*(2*m.rand.Float64()-1)
			}
		}
		values[n] = t
	}
	var out []typed
	for _, n := range f.Nodes() {
		out = append(out, values[n])
	}
	return out
}

func (m *meaning) reduce(op Op, t *typed, x typed, size int) {
	row := make([]float64, size)
	for j := range row {
		row[j] = x.at(j)
	}
	switch {
	case op == Softmax:
		m, s := reduce(MaxOf, row), 0.0
		for _, v := range row {
			s += math.Exp(v - m)
		}
		for j := range t.v {
			t.v[j] = math.Exp(row[min(j, size-1)]-m) / s
		}
	case t.kind != 'f' && (op == Sum || op == Prod):
		r := int64(0)
		if op == Prod {
			r = 1
		}
		for _, v := range row {
			if op == Sum {
				r += int64(v)
			} else {
				r *= int64(v)
			}
			r = int64(m.integer(r, t.kind))
		}
		t.v[0] = float64(r)
	default:
		t.v[0] = reduce(op, row)
	}
}

// patterns are expressions of A, B and C, prone to be rewritten.
var patterns = strings.Split(strings.TrimSpace(`
log(1 + exp(A))
log(exp(A) + 1)
1 / (1 + exp(-A))
A / (1 + exp(-A))
A / (1 + exp(A))
exp(A) / (1 + exp(A))
A * sigmoid(A)
1 - sigmoid(A)
log(sigmoid(A))
exp(A) - 1
-1 + exp(A)
log(1 + A)
log1p(exp(A))
log1p(expm1(A))
expm1(log1p(A))
exp(log(A))
log(exp(A))
log(exp(A) + exp(B))
sqrt(A * A)
abs(-A)
abs(abs(A))
abs(A * A)
square(-A)
square(abs(A))
-(A - B)
- -A
A + -B
-A + B
A - -B
A + A
A * A
-A * B
-A * -B
A * 1
1.0 * A
A * -1
-1.0 * A
2 * (3 * A)
2 * (A * 0.5)
A / 1
A / 1.0
-A / B
1 / sqrt(A)
recip(A)
pow(A, 1)
pow(A, 1.0)
pow(A, 2)
pow(A, 2.0)
pow(A, 0.5)
pow(A, -0.5)
pow(A, -1)
1/2 * A
7 / 2 * A
(2 - 5) * A
min(A, A)
max(A, B)
A > B ? A : A
A > B ? A : B
!(A > B)
!(!(A == B))
!A
A && A
A > 0 || B > 0
(A > B) + (A < B)
any(A > 1) ? A : B
max(A)
sum(A)
sum(-A)
sum(2 * A)
sum(0.5 * A)
sum(c * A)
sum(A / c)
sum(c)
mean(c)
prod(c)
var(c)
var(A)
logsumexp(c)
softmax(c)
any(c)
max(c) + min(c)
argmax(c)
softmax(A)
softmax(A - c)
log(softmax(A))
exp(A) / sum(exp(A))
exp(A - max(A)) / sum(exp(A - max(A)))
log(sum(exp(A)))
log(sum(exp(A - c - 2)))
c + log(sum(exp(A - c)))
A - c - log(sum(exp(A - c)))
A - (max(A) + log(sum(exp(A - max(A)))))
logsumexp(A) - c
stop(stop(A))
float(A)
trunc(A) % 3
clamp(A, -1, 2)
relu(A)
mix(A, B, C)
fdim(A, B)
`), "\n")

// randomText returns an expression of the inputs x, y and c.
func randomText(r *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{"x", "x", "y", "c", "2", "0.5", "1", "-1", "3"}[r.Intn(9)]
	}
	s := patterns[r.Intn(len(patterns))]
	sub := map[rune]string{}
	for _, v := range "ABC" {
		sub[v] = "(" + randomText(r, r.Intn(depth)) + ")"
	}
	var b strings.Builder
	for _, c := range s {
		if t, ok := sub[c]; ok {
			b.WriteString(t)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// pair returns a formula as it is written, and simplified.
func pair(t *testing.T, text string) (plain, simple *Formula) {
	t.Helper()
	g := NewGraph()
	g.plain = true
	plain, err := define(text, g)
	if err == nil {
		simple, err = Define(text)
	}
	if err != nil {
		t.Fatalf("%s:\n%v", text, err)
	}
	return plain, simple
}

// compare reports where the simplified form of a text means something else.
func compare(text string, plain, simple *Formula, unsigned bool, inputs []typed, size int, seed int64) error {
	exact := &meaning{unsigned: unsigned}
	noisy := &meaning{unsigned: unsigned, noise: 1e-14, rand: rand.New(rand.NewSource(seed))}
	for i, want := range exact.row(plain, inputs, size) {
		got := (&meaning{unsigned: unsigned}).row(simple, inputs, size)[i]
		if len(got.v) != len(want.v) {
			return fmt.Errorf("%s\nas %s\nhas %d values, want %d", text, simple, len(got.v), len(want.v))
		}
		if k := want.kind; got.kind != k && (k == 'f' || got.kind == 'f' || k == 'b' || got.kind == 'b') {
			return fmt.Errorf("%s\nas %s\nis of type %c, want %c", text, simple, got.kind, k)
		}
		if want.kind != 'i' && want.kind != 's' && exact.wrapped {
			continue // whatever an integer became before it was a float
		}
		slack := make([]float64, len(want.v))
		for range 8 {
			n := noisy.row(plain, inputs, size)[i]
			for j := range slack {
				slack[j] = max(slack[j], math.Abs(n.v[j]-want.v[j]))
				if math.IsNaN(n.v[j]) {
					slack[j] = math.Inf(1)
				}
			}
		}
		for j, w := range want.v {
			v := got.v[j]
			if want.kind == 'i' || want.kind == 'w' {
				v, w = exact.integer(int64(v), 'i'), exact.integer(int64(w), 'i')
			}
			if math.IsNaN(w) || math.IsInf(w, 0) { // perhaps for want of range
				continue
			}
			if d := math.Abs(v - w); !(d <= 100*slack[j]+1e-13*math.Abs(w)+1e-25) && !(want.kind != 'f' && slack[j] > 0) {
				return fmt.Errorf("%s\nas %s\nof %v\nis %v at %d, want %v (give or take %v)", text, simple, inputs, v, j, w, slack[j])
			}
		}
	}
	return nil
}

func TestRewritesKeepMeaning(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	bad, finite := 0, 0
	for i := range 6000 {
		expr := ""
		if i < len(patterns) {
			expr = strings.NewReplacer("A", "x", "B", "y", "C", "c").Replace(patterns[i])
		} else {
			expr = randomText(r, 1+r.Intn(3))
		}
		text := "f(x, y, c[1]) {\n_ = x; _ = y; _ = c\nreturn " + expr + "\n}"
		if _, err := Define(text); err != nil && strings.Contains(err.Error(), "of a bool") {
			continue
		}
		plain, simple := pair(t, text)
		checkRoundTrip(t, simple)
		for _, kind := range []string{"fff", "iii", "uuu", "fif", "iff", "fii"} {
			size := 1 + r.Intn(5)
			inputs := make([]typed, 3)
			for k := range inputs {
				in := typed{kind: 'f', v: make([]float64, []int{size, size, 1}[k])}
				if kind[k] != 'f' {
					in.kind = 'i'
				}
				for j := range in.v {
					switch kind[k] {
					case 'f':
						in.v[j] = []float64{3, 1, 10}[r.Intn(3)] * r.NormFloat64()
					case 'i':
						in.v[j] = float64(r.Intn(15) - 7)
					case 'u':
						in.v[j] = float64(r.Intn(10))
					}
				}
				inputs[k] = in
			}
			if v := (&meaning{}).row(plain, inputs, size)[0].v[0]; !math.IsNaN(v) && !math.IsInf(v, 0) {
				finite++
			}
			if err := compare(text, plain, simple, kind[0] == 'u', inputs, size, int64(i)); err != nil {
				t.Error(kind, err)
				if bad++; bad > 10 {
					t.FailNow()
				}
			}
		}
	}
	if finite < 15000 {
		t.Errorf("only %d values were finite", finite)
	}
}

// Where the written form overflows, underflows or cancels, the simplified one
// has the value that the formula means.
func TestRewritesAtHardPoints(t *testing.T) {
	inf, nan, tiny := math.Inf(1), math.NaN(), 5e-324
	for _, tt := range []struct {
		expr    string
		x, want float64
	}{
		{"log(1 + exp(x))", 1e4, 1e4}, {"log(1 + exp(x))", -1e4, 0}, {"log(1 + exp(x))", -40, math.Exp(-40)}, {"log(1 + exp(x))", -700, math.Exp(-700)},
		{"log(1 + exp(x))", 0, math.Ln2}, {"log(1 + exp(x))", inf, inf}, {"log(1 + exp(x))", -inf, 0}, {"log(1 + exp(x))", nan, nan},
		{"1 / (1 + exp(-x))", 1e4, 1}, {"1 / (1 + exp(-x))", -1e4, 0}, {"1 / (1 + exp(-x))", -700, math.Exp(-700)}, {"1 / (1 + exp(-x))", nan, nan},
		{"exp(x) / (1 + exp(x))", 1e4, 1}, {"exp(x) / (1 + exp(x))", inf, 1}, {"exp(x) / (1 + exp(x))", -inf, 0},
		{"x / (1 + exp(-x))", -1e4, 0}, {"x / (1 + exp(-x))", 1e4, 1e4}, {"x / (1 + exp(-x))", tiny, 0},
		{"exp(x) - 1", 1e-20, 1e-20}, {"exp(x) - 1", tiny, tiny}, {"exp(x) - 1", -1e4, -1}, {"exp(x) - 1", inf, inf}, {"exp(x) - 1", nan, nan},
		{"log(1 + x)", 1e-20, 1e-20}, {"log(1 + x)", tiny, tiny}, {"log(1 + x)", -1, -inf}, {"log(1 + x)", -2, nan},
		{"1 - sigmoid(x)", 100, math.Exp(-100)}, {"1 - sigmoid(x)", -1e4, 1}, {"log(sigmoid(x))", -1e4, -1e4}, {"log(sigmoid(x))", 50, -math.Exp(-50)},
		{"log(1 / (1 + exp(-x)))", -1e4, -1e4}, {"log(exp(x) + exp(2*x))", 1e4, 2e4}, {"log(exp(x) + exp(2*x))", -1e4, -1e4}, {"log(exp(x) + exp(-x))", -inf, inf},
		{"log(exp(x) + exp(x - 1))", -inf, -inf}, {"log(exp(x) + exp(1))", nan, nan},
		{"sqrt(x*x)", 1e200, 1e200}, {"sqrt(x*x)", -1e-200, 1e-200}, {"sqrt(x*x)", math.Copysign(0, -1), 0}, {"sqrt(x*x)", -inf, inf}, {"sqrt(x*x)", nan, nan}, {"sqrt(x*x)", -tiny, tiny},
		{"log(exp(x))", 1e4, 1e4}, {"log(exp(x))", -1e4, -1e4}, {"log(exp(x))", -inf, -inf}, {"log1p(exp(x))", 1e4, 1e4}, {"log1p(expm1(x))", 1e4, 1e4},
		{"x * tanh(log(1 + exp(x)))", 1e4, 1e4}, {"x * tanh(log(1 + exp(x)))", -1e4, 0},
		{"max(x) + log(sum(exp(x - max(x))))", 1e4, 1e4 + math.Log(2)}, {"log(sum(exp(x)))", 1e4, 1e4 + math.Log(2)}, {"log(sum(exp(x)))", -1e4, -1e4 + math.Log(2)},
		{"max(x) + log(sum(exp(x - max(x))))", -inf, -inf}, {"log(sum(exp(x)))", -inf, -inf}, {"log(sum(exp(x)))", nan, nan},
		{"log(sum(exp(x - max(x))))", 1e16, math.Log(2)}, {"x - max(x) - log(sum(exp(x - max(x))))", 1e3, -math.Log(2)},
		{"exp(x) / sum(exp(x))", 1e4, 0.5}, {"exp(x) / sum(exp(x))", -1e4, 0.5}, {"exp(x - max(x)) / sum(exp(x - max(x)))", -inf, 0}, {"exp(x) / sum(exp(x))", nan, nan},
		{"log(softmax(x))", -inf, -inf}, {"log(softmax(x))", 1e4, -math.Log(2)}, {"log(softmax(x))", nan, nan},
		// No number where the formula has none.
		{"exp(log(x))", -1, nan}, {"expm1(log1p(x))", -2, nan}, {"pow(x, 0.5)", -1, nan}, {"1 / sqrt(x)", 0, inf}, {"1 / sqrt(x)", -1, nan}, {"pow(x, -0.5)", inf, 0},
		{"max(x, 1)", nan, nan}, {"max(INFINITY, x)", nan, nan}, {"min(-INFINITY, x)", nan, nan}, {"x > 0 ? x : 0", nan, 0}, {"clamp(x, 0, 1)", nan, nan},
		{"!(x > 0) ? 1.0 : 0.0", nan, 1}, {"!(x == x) ? 1.0 : 0.0", nan, 1}, {"x - x", inf, nan}, {"0 * x", inf, nan},
		{"0*x + var(c)", 3, 0}, {"0*x + var(c)", inf, nan}, {"0*x + softmax(c)", 3, 0.5}, {"softmax(c)", -inf, 0}, {"softmax(c)", inf, nan}, {"softmax(c)", nan, nan},
		{"logsumexp(c)", -inf, -inf}, {"logsumexp(c)", 1e4, 1e4 + math.Log(2)}, {"mean(c)", 1e308, 1e308}, {"prod(c)", -3, 9}, {"sum(c)", inf, inf},
	} {
		_, f := pair(t, "f(x, c[1]) { _ = x; _ = c\n return "+tt.expr+" }")
		for _, v := range f.EvalRow([][]float64{{tt.x, tt.x}, {tt.x}}, nil, 2)[0] {
			if v != tt.want && !(math.IsNaN(v) && math.IsNaN(tt.want)) && !(math.Abs(v-tt.want) <= 4e-16*max(math.Abs(tt.want), math.Abs(tt.x)*b2f(tt.want < 0 || tt.x > 1))) {
				t.Errorf("%s of %g is %g, want %g (as %s)", tt.expr, tt.x, v, tt.want, f)
			}
		}
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// In a derivative all inputs are floats, and fewer conversions are needed.
func TestFloats(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"f(x) = 1.0 * x", "f(x) = x"},
		{"f(x) = sqrt(x*x)", "f(x) = abs(x)"},
		{"f(x; p) = pow(-x * p, -1)", "f(x; p) = -(1 / (x * p))"},
		{"f(x) = abs(-x) / 1.0", "f(x) = abs(x)"},
		{"f(x) = 1.0 * index() + 0*x", "f(x) = float(index()) + 0 * x"},
	} {
		g := NewGraph()
		g.Floats = true
		f, err := define(tt.text, g)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String(); got != tt.want {
			t.Errorf("%s\nis   %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
