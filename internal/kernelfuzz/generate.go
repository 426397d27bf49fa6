package kernelfuzz

// This file implements the random kernel as a whole: its parameters, header,
// body and launches.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A generator writes a kernel.
//
// What makes the kernel valid: loops count to small numbers with variables
// that nothing else changes; indices are taken modulo the size; every thread
// writes its own elements of outputs and threadgroup arrays, and others are
// read between barriers; atomics whose order could show keep to themselves;
// everything has a value from the start. Barriers stand where all threads of a
// group come by: flow says so, and uniform expressions have the same value in
// all of them.
type generator struct {
	choices
	c      Case
	double bool

	vars     []variable
	arrays   []variable // in thread memory
	structs  []variable
	funcs    []function
	lambdas  []function
	tables   []variable
	shared   []variable // in threadgroup memory
	types    []structType
	names    int
	size     int // statements so far
	flow     flow
	helper   bool   // inside a function of the header
	uniform  bool   // the expression being made has to be the same in all threads
	most     int    // threads of the largest threadgroup
	total    int    // threads of the largest grid
	nest     int    // indices around the expression being made
	room     int    // bytes of threadgroup memory that are left
	tiles    string // the type of the threadgroup array for matrices
	agreed   bool   // what threads read from one place of threadgroup memory counts as uniform
	maxStmts int
}

type variable struct {
	name    string
	t       typ
	uniform bool
	fixed   bool // a loop counts with it
	length  int  // of arrays
	kind    string
}

type function struct {
	name    string
	result  typ
	params  []typ
	through bool // the last parameter is a reference
}

type structType struct {
	name   string
	fields []variable
}

// Generate returns the random case that belongs to a seed.
func Generate(seed uint64, mode Mode) Case {
	g := &generator{choices: choices{rng: newRand(seed, 1)}}
	g.c = Case{Name: fmt.Sprintf("seed-%d", seed), Mode: mode}
	g.kernel(seed)
	return g.c
}

// FromBytes returns the case that a fuzzer's bytes stand for.
func FromBytes(data []byte, mode Mode) Case {
	g := &generator{choices: choices{data: data}}
	g.c = Case{Name: "bytes", Mode: mode}
	g.kernel(uint64(len(data)))
	return g.c
}

var groupSizes = []int{1, 2, 3, 4, 7, 16, 31, 32, 33, 40, 63, 64, 65, 96, 100, 128, 200, 256}

func (g *generator) launch() Launch {
	l := Launch{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}}
	whole := false // simdgroups, in line along x
	switch g.n(9) {
	case 0, 1, 2, 3:
		l.Group[0] = groupSizes[g.n(len(groupSizes))]
	case 4, 5:
		l.Group[0], l.Group[1] = 1+g.n(18), 1+g.n(9)
	case 6:
		l.Group[0], l.Group[1], l.Group[2] = 1+g.n(9), 1+g.n(6), 1+g.n(5)
	case 7:
		l.Group[0] = []int{257, 500, 512, 777, 1000, 1023, 1024}[g.n(7)]
	case 8:
		whole = true
		l.Group = [3]int{32 * (1 + g.n(3)), 1 + g.n(4), 1 + g.n(2)}
	}
	left := 1200
	for d := range 3 {
		if d > 0 && l.Group[d] == 1 && g.n(3) > 0 {
			continue
		}
		l.Grid[d] = l.Group[d]*(1+g.n(3)) + g.n(l.Group[d]+2)
		if l.Group[0] > 256 {
			l.Grid[d] = l.Group[d] + g.n(300)
		}
		l.Grid[d] = max(1, min(l.Grid[d], max(left, l.Group[d])))
		if d == 0 && whole {
			l.Grid[d] = max(l.Grid[d]/32*32, 32)
		}
		l.Group[d] = min(l.Group[d], l.Grid[d])
		left /= l.Grid[d]
	}
	return l
}

// Elements of the outputs that belong to a thread, of inputs that are small,
// and of each atomic output.
const (
	own         = 4
	smallInput  = 37
	atomicCells = 16
)

func (g *generator) kernel(seed uint64) {
	g.double = g.one(12)
	g.agreed = g.one(8)
	g.maxStmts = 5 + g.n(4+g.n(46))
	flat := g.one(3)
	for range 1 + g.n(3) {
		l := g.launch()
		if flat {
			l.Grid = [3]int{l.Threads(), 1, 1}
			l.Group = [3]int{min(l.Group[0]*l.Group[1]*l.Group[2], 1024), 1, 1}
		}
		g.c.Launches = append(g.c.Launches, l)
	}
	for _, l := range g.c.Launches {
		g.most = max(g.most, l.Group[0]*l.Group[1]*l.Group[2])
		g.total = max(g.total, l.Threads())
	}
	g.parameters(seed)
	header := &node{kind: block}
	g.header(header)
	g.names, g.size = 0, 0
	g.vars, g.arrays, g.structs = nil, nil, nil
	body := &node{kind: block}
	g.body(body)
	g.c.tree = &tree{header, body}
	g.c.Header, g.c.Body = g.c.tree.text()
}

// parameters chooses the arrays.
func (g *generator) parameters(seed uint64) {
	add := func(in Input) {
		in.Name = fmt.Sprintf("x%d", len(g.c.Inputs))
		in.Seed = seed*16 + uint64(len(g.c.Inputs))
		g.c.Inputs = append(g.c.Inputs, in)
	}
	for range 2 + g.n(3) {
		n := g.total*own + 8
		if g.one(3) {
			n = 1 + smallInput*(1+g.n(3))
		}
		in := Input{DType: baseOf(g.scalarBase()).dtype, Shape: []int{n}}
		if g.one(3) {
			in.Skip = 1 + g.n(7)
		}
		if g.one(4) {
			in.Shape = []int{7, (n + 6) / 7}
		}
		add(in)
	}
	add(Input{DType: dtype.Float32, Shape: []int{g.total*own + 8}})
	if g.double { // exists only where arrays have it
		add(Input{DType: dtype.Float64, Shape: []int{g.total*own + 8}})
	}
	if g.one(2) {
		add(Input{DType: baseOf(g.scalarBase()).dtype})
	}
	if g.one(2) {
		add(Input{DType: baseOf(g.scalarBase()).dtype, Shape: []int{1 + g.n(7)}})
	}
	for i := range 1 + g.n(3) {
		g.c.Outputs = append(g.c.Outputs, Output{Name: fmt.Sprintf("o%d", i), DType: baseOf(g.scalarBase()).dtype, Each: own, Seed: seed*16 + 8 + uint64(i)})
	}
	g.c.Outputs = append(g.c.Outputs,
		Output{Name: "hash", DType: dtype.Uint64, Each: 1, Zero: true},
		Output{Name: "ai", DType: dtype.Int32, Fixed: 5 * atomicCells, Seed: seed*16 + 11},
		Output{Name: "au", DType: dtype.Uint32, Fixed: 5 * atomicCells, Seed: seed*16 + 12},
		Output{Name: "af", DType: dtype.Float32, Fixed: atomicCells, Zero: true})
	g.c.Outputs = append(g.c.Outputs, Output{Name: "aw", DType: dtype.Uint32, Each: 1, Seed: seed*16 + 13})
	if g.one(2) {
		g.c.Outputs = append(g.c.Outputs, Output{Name: "mid", DType: baseOf(g.scalarBase()).dtype, Each: 1, Zero: true})
	}
	if g.c.Mode == Math {
		g.c.Outputs = append(g.c.Outputs,
			Output{Name: "mf", DType: dtype.Float32, Each: own, Zero: true, Within: mathWithin},
			Output{Name: "mh", DType: dtype.Float16, Each: own, Zero: true, Within: 1},
			Output{Name: "mb", DType: dtype.BFloat16, Each: own, Zero: true, Within: 1})
	}
	g.c.Template = []signature.TemplateArg{
		{Name: "T", DType: baseOf(g.scalarBase()).dtype},
		{Name: "N", Kind: signature.IntArg, Int: int32(1 + g.n(5))},
		{Name: "B", Kind: signature.BoolArg, Bool: g.one(2)},
	}
}

// mathWithin is how far results of transcendental functions of float32 may
// differ between devices, in ulp.
const mathWithin = 4

const preamble = `inline ulong bits(bool v) { return v ? 1ul : 0ul; }
inline ulong bits(char v) { return ulong(uchar(v)); }
inline ulong bits(uchar v) { return v; }
inline ulong bits(short v) { return ulong(ushort(v)); }
inline ulong bits(ushort v) { return v; }
inline ulong bits(int v) { return ulong(uint(v)); }
inline ulong bits(uint v) { return v; }
inline ulong bits(long v) { return ulong(v); }
inline ulong bits(ulong v) { return v; }
inline ulong bits(float v) { return isnan(v) ? 0x7fc00000ul : ulong(as_type<uint>(v)); }
inline ulong bits(half v) { return isnan(v) ? 0x7e00ul : ulong(as_type<ushort>(v)); }
inline ulong bits(bfloat v) { return isnan(v) ? 0x7fc0ul : ulong(as_type<ushort>(v)); }
template <typename U> inline U known(U v) { return isnan(v) ? U(3) : v; }
template <typename U> inline U nonzero(U v) { return v == U(0) ? U(3) : v; }
`

const preambleDouble = "inline ulong bits(double v) { return isnan(v) ? 0x7ff8000000000000ul : as_type<ulong>(v); }\n"

// header writes tables, structs and functions.
func (g *generator) header(to *node) {
	lines := preamble
	if g.double {
		lines += preambleDouble
	}
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		to.kids = append(to.kids, stmt(line))
	}
	for i := range g.n(3) {
		t := scalar(g.scalarBase())
		length := 2 + g.n(9)
		text, kids := "", []*node(nil)
		for k := range length {
			if k > 0 {
				text += ", "
			}
			text += "$"
			kids = append(kids, g.literal(t))
		}
		name := fmt.Sprintf("table%d", i)
		to.kids = append(to.kids, stmt(fmt.Sprintf("constant %s %s[%d] = {%s};", t, name, length, text), kids...))
		g.tables = append(g.tables, variable{name: name, t: t, length: length})
	}
	for i := range g.n(3) {
		s := structType{name: fmt.Sprintf("S%d", i)}
		text := "struct " + s.name + " {"
		for k := range 2 + g.n(3) {
			f := variable{name: fmt.Sprintf("f%d", k), t: g.anyType()}
			s.fields = append(s.fields, f)
			text += fmt.Sprintf(" %s %s;", f.t, f.name)
		}
		to.kids = append(to.kids, stmt(text+" };"))
		g.types = append(g.types, s)
	}
	for range g.n(4) {
		g.function(to)
	}
}

// function writes a function of the header: loops, early returns, and a
// parameter by reference now and then.
func (g *generator) function(to *node) {
	f := function{name: fmt.Sprintf("fun%d", len(g.funcs)), result: scalar(g.scalarBase()), through: g.one(3)}
	g.vars, g.arrays, g.structs, g.names, g.size = nil, nil, nil, 0, 0
	g.helper = true
	old := g.maxStmts
	g.maxStmts = 3 + g.n(12)
	params := ""
	for i := range 1 + g.n(3) {
		t := g.anyType()
		f.params = append(f.params, t)
		name := string(rune('a' + i))
		if i > 0 {
			params += ", "
		}
		params += fmt.Sprintf("%s %s", t, name)
		g.vars = append(g.vars, variable{name: name, t: t})
	}
	if f.through {
		t := scalar(g.scalarBase())
		f.params = append(f.params, t)
		params += fmt.Sprintf(", thread %s& r", t)
		g.vars = append(g.vars, variable{name: "r", t: t})
	}
	g.flow = flow{inFunc: true, result: f.result}
	b := &node{kind: block}
	for range 1 + g.n(5) {
		g.stmt(b, 2)
	}
	b.kids = append(b.kids, stmt("return $;", g.expr(f.result, 2)))
	to.kids = append(to.kids, stmt(fmt.Sprintf("inline %s %s(%s) $", f.result, f.name, params), b))
	g.helper, g.maxStmts = false, old
	g.funcs = append(g.funcs, f)
}

const opening = `uint3 pos = thread_position_in_grid, all = threads_per_grid;
uint gid = (pos.z * all.y + pos.y) * all.x + pos.x, total = all.x * all.y * all.z;
uint tid = thread_index_in_threadgroup, width = threads_per_threadgroup.x * threads_per_threadgroup.y * threads_per_threadgroup.z;
ulong h = 0;`

func (g *generator) body(to *node) {
	for _, line := range strings.Split(opening, "\n") {
		to.kids = append(to.kids, stmt(line))
	}
	g.room = 24 << 10
	for i := range g.n(3) {
		t := scalar(g.scalarBase())
		size := baseOf(t.base).size * g.most
		if g.room < size {
			break
		}
		g.room -= size
		name := fmt.Sprintf("shared%d", i)
		to.kids = append(to.kids, stmt(fmt.Sprintf("threadgroup %s %s[%d];", t, name, g.most)))
		g.shared = append(g.shared, variable{name: name, t: t, length: g.most})
	}
	if g.one(5) {
		g.tiles = g.pick("float", "half")
		to.kids = append(to.kids, stmt(fmt.Sprintf("threadgroup %s tiles[128];", g.tiles)))
	}
	to.kids = append(to.kids, stmt(fmt.Sprintf("threadgroup atomic_uint cells[%d];", cells)))
	g.flow = flow{uniform: true}
	for _, base := range []string{"float", "int", "uint", "bool", "half", g.scalarBase(), g.scalarBase()} {
		if t := scalar(base); g.n(3) > 0 { // values that differ from thread to thread
			v := variable{name: g.name(), t: t}
			if e := g.load(t, 0); e != nil {
				to.kids = append(to.kids, stmt(fmt.Sprintf("%s %s = $;", t, v.name), e))
				g.vars = append(g.vars, v)
			}
		}
	}
	for range 3 + g.n(10) {
		if g.over() {
			break
		}
		g.stmt(to, 3)
	}
	if g.c.Mode == Math {
		for range 3 + g.n(6) {
			g.sink(func(n *node) { to.kids = append(to.kids, n) })
		}
	}
	for _, v := range g.vars {
		for i := range v.t.lanes {
			e := v.name
			if v.t.lanes > 1 {
				e += "." + string("xyzw"[i])
			}
			to.kids = append(to.kids, stmt(fmt.Sprintf("h = h * 0x9e3779b97f4a7c15ul + bits(%s);", e)))
		}
	}
	for _, a := range g.arrays {
		to.kids = append(to.kids, stmt(fmt.Sprintf("for (uint q = 0; q < %du; ++q) h = h * 31ul + bits(%s[q]);", a.length, a.name)))
	}
	to.kids = append(to.kids, stmt("hash[gid] = h;"))
}
