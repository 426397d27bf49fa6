package ir

// This file implements the parser of the text form; see print.go. The words
// within an instruction are read in parseinstr.go.

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// maxRegs bounds the register numbers of a text.
const maxRegs = 1 << 20

// Parse reads the text form of one Func. Errors begin with name and the line.
// Parse finds what it needs to understand the text; Verify finds the rest. The
// result is analysed.
func Parse(name, text string) (*Func, error) {
	toks, err := lex(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	p := &parser{
		name:    name,
		toks:    toks,
		f:       &Func{},
		symbols: map[string]*symbol{},
		consts:  map[constKey]Reg{},
	}
	if p.numbers() {
		p.kernel()
	}
	if p.err != nil {
		return nil, p.err
	}
	for _, r := range p.free { // numbers that the text leaves out
		p.f.Regs[r] = RegInfo{Type: Bool, Kind: TempReg}
	}
	Analyze(p.f)
	return p.f, nil
}

type symbol struct {
	info RegInfo
	reg  Reg // NoReg until it is used
}

type label struct {
	name string
	stmt Stmt
}

type parser struct {
	name    string
	toks    []token
	f       *Func
	spell   map[Reg]string // how the text spells each register
	free    []Reg          // register numbers for constants and symbols
	defined []bool
	symbols map[string]*symbol
	consts  map[constKey]Reg
	labels  []label // of the enclosing statements
	depth   int
	err     error
}

// fail records an error at the current token and returns false. The rest of
// the text is skipped.
func (p *parser) fail(format string, args ...any) bool {
	if p.err == nil {
		p.err = fmt.Errorf("%s:%d: %w", p.name, p.toks[0].line, fmt.Errorf(format, args...))
	}
	return false
}

// numbers finds the register numbers that the text gives out, so that the
// other registers can take those left over.
func (p *parser) numbers() bool {
	p.spell = map[Reg]string{}
	top := -1
	for _, t := range p.toks {
		if t.kind != tokWord || t.text[0] != '%' {
			continue
		}
		_, n, err := splitReg(t.text)
		if err != nil {
			p.err = fmt.Errorf("%s:%d: %w", p.name, t.line, err)
			return false
		}
		if old, ok := p.spell[n]; ok && old != t.text {
			p.err = fmt.Errorf("%s:%d: register %d is written %s and %s", p.name, t.line, n, old, t.text)
			return false
		}
		p.spell[n] = t.text
		top = max(top, int(n))
	}
	p.f.Regs = make([]RegInfo, top+1)
	p.defined = make([]bool, top+1)
	for i := range top + 1 {
		if _, ok := p.spell[Reg(i)]; !ok {
			p.free = append(p.free, Reg(i))
		}
	}
	return true
}

// splitReg takes %name.7 or %7 apart.
func splitReg(s string) (name string, n Reg, err error) {
	digits := s[1:]
	if i := strings.LastIndexByte(digits, '.'); i >= 0 {
		name, digits = digits[:i], digits[i+1:]
		if cleanName(name) != name || name == "" {
			return "", 0, fmt.Errorf("malformed register %q", s)
		}
	}
	v, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || strconv.FormatUint(v, 10) != digits {
		return "", 0, fmt.Errorf("malformed register %q", s)
	}
	if v >= maxRegs {
		return "", 0, fmt.Errorf("register number %d is too large", v)
	}
	return name, Reg(v), nil
}

// addReg adds a register that has no number in the text.
func (p *parser) addReg(info RegInfo) Reg {
	if len(p.free) > 0 {
		r := p.free[0]
		p.free = p.free[1:]
		p.f.Regs[r] = info
		return r
	}
	p.f.Regs = append(p.f.Regs, info)
	return Reg(len(p.f.Regs) - 1)
}

// ---- Tokens

func (p *parser) peek() token { return p.toks[0] }

func (p *parser) next() token {
	t := p.toks[0]
	if t.kind != tokEOF {
		p.toks = p.toks[1:]
	}
	return t
}

// got takes the next token if it is the given punctuation or word.
func (p *parser) got(text string) bool {
	if t := p.peek(); (t.kind == tokWord || t.kind == tokPunct) && t.text == text {
		p.next()
		return true
	}
	return false
}

func (p *parser) want(text string) bool {
	return p.got(text) || p.fail("expected %q, found %s", text, p.peek())
}

// word takes a word; what names it in the error.
func (p *parser) word(what string) (string, bool) {
	if t := p.peek(); t.kind == tokWord {
		p.next()
		return t.text, true
	}
	return "", p.fail("expected %s, found %s", what, p.peek())
}

func (p *parser) int(what string) (int64, bool) {
	s, ok := p.word(what)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, p.fail("expected %s, found %q", what, s)
	}
	return v, true
}

func (p *parser) newlines() {
	for p.peek().kind == tokNewline {
		p.next()
	}
}

// endLine checks that nothing more stands on the line.
func (p *parser) endLine() bool {
	switch t := p.peek(); {
	case t.kind == tokNewline:
		p.next()
		return true
	case t.kind == tokEOF, t.text == "}" && t.kind == tokPunct:
		return true
	}
	return p.fail("unexpected %s", p.peek())
}

// ---- Declarations

func (p *parser) kernel() bool {
	p.newlines()
	if !p.want("kernel") {
		return false
	}
	t := p.next()
	if t.kind != tokWord && t.kind != tokString {
		return p.fail("expected the kernel's name, found %s", t)
	}
	p.f.Name = t.text
	p.f.Contract = p.got("contract")
	if !p.want("{") || !p.declarations() || !p.block(&p.f.Body) {
		return false
	}
	p.newlines()
	if p.peek().kind != tokEOF {
		return p.fail("unexpected %s after the kernel", p.peek())
	}
	return true
}

func (p *parser) declarations() bool {
	for {
		p.newlines()
		ok := true
		switch {
		case p.got("param"):
			ok = p.param()
		case p.got("alloc"):
			ok = p.alloc()
		case p.got("var"):
			ok = p.variable()
		default:
			return true
		}
		if !ok || !p.endLine() {
			return false
		}
	}
}

// symbol reads @x, or @x "name", and declares it.
func (p *parser) symbol(info RegInfo) (name string, s *symbol, ok bool) {
	word, ok := p.word("a name such as @x")
	if !ok {
		return "", nil, false
	}
	if word[0] != '@' {
		return "", nil, p.fail("expected a name such as @x, found %q", word)
	}
	if p.symbols[word] != nil {
		return "", nil, p.fail("%s is declared twice", word)
	}
	name = word[1:]
	if p.peek().kind == tokString {
		name = p.next().text
	}
	info.Name = name
	s = &symbol{info: info, reg: NoReg}
	p.symbols[word] = s
	return name, s, true
}

func (p *parser) space() (Space, bool) {
	w, ok := p.word("an address space")
	if !ok {
		return NoSpace, false
	}
	s, ok := spaceByName(w)
	return s, ok || p.fail("unknown address space %q", w)
}

func spaceByName(w string) (Space, bool) {
	for s := Device; int(s) < len(spaceNames); s++ {
		if spaceNames[s] == w {
			return s, true
		}
	}
	return NoSpace, false
}

func typeByName(w string) (Type, bool) {
	for t := Void; t < NumTypes; t++ {
		if typeNames[t] == w {
			return t, true
		}
	}
	return Void, false
}

func (p *parser) param() bool {
	name, sym, ok := p.symbol(RegInfo{Type: Ptr, Kind: ParamReg, Index: len(p.f.Params)})
	if !ok {
		return false
	}
	a := Param{Name: name, Lanes: 1}
	if a.Space, ok = p.space(); !ok {
		return false
	}
	sym.info.Space = a.Space
	w, ok := p.word("a type")
	if !ok {
		return false
	}
	elem, lanes, found := strings.Cut(w, "x")
	if found {
		n, err := strconv.Atoi(lanes)
		if err != nil {
			return p.fail("unknown type %q", w)
		}
		a.Lanes = n
	}
	if a.Elem, ok = typeByName(elem); !ok {
		return p.fail("unknown type %q", w)
	}
	a.Output = p.got("output")
	a.Atomic = p.got("atomic")
	p.f.Params = append(p.f.Params, a)
	return true
}

func (p *parser) alloc() bool {
	name, sym, ok := p.symbol(RegInfo{Type: Ptr, Kind: AllocReg, Index: len(p.f.Allocs)})
	if !ok {
		return false
	}
	a := Alloc{Name: name}
	if a.Space, ok = p.space(); !ok {
		return false
	}
	sym.info.Space = a.Space
	size, ok := p.int("a size in bytes")
	if !ok || !p.want("align") {
		return false
	}
	align, ok := p.int("an alignment in bytes")
	if !ok {
		return false
	}
	a.Size, a.Align = int(size), int(align)
	w, ok := p.word("a type")
	if !ok {
		return false
	}
	if a.Elem, ok = typeByName(w); !ok {
		return p.fail("unknown type %q", w)
	}
	if p.got("=") {
		t := p.next()
		if t.kind != tokString {
			return p.fail("expected the contents in quotes, found %s", t)
		}
		var err error
		if a.Init, err = hex.DecodeString(t.text); err != nil {
			return p.fail("contents: %w", err)
		}
	}
	p.f.Allocs = append(p.f.Allocs, a)
	return true
}

func (p *parser) variable() bool {
	w, ok := p.word("a register")
	if !ok {
		return false
	}
	if w[0] != '%' {
		return p.fail("expected a register, found %q", w)
	}
	name, r, err := splitReg(w)
	if err != nil {
		return p.fail("%w", err)
	}
	if p.defined[r] {
		return p.fail("%s is declared twice", w)
	}
	p.defined[r] = true
	t, space, ok := p.typ()
	p.f.Regs[r] = RegInfo{Type: t, Kind: VarReg, Space: space, Name: name}
	return ok
}

// typ reads a type, such as f32 or ptr.device.
func (p *parser) typ() (Type, Space, bool) {
	w, ok := p.word("a type")
	if !ok {
		return Void, NoSpace, false
	}
	w, s, found := strings.Cut(w, ".")
	t, ok := typeByName(w)
	if !ok || found && t != Ptr {
		return Void, NoSpace, p.fail("unknown type %q", w)
	}
	space := NoSpace
	if found {
		if space, ok = spaceByName(s); !ok {
			return Void, NoSpace, p.fail("unknown address space %q", s)
		}
	}
	return t, space, true
}

// ---- Statements

// block reads statements up to the closing brace, and that.
func (p *parser) block(blk *Block) bool {
	if p.depth++; p.depth > maxDepth {
		return p.fail("statements nest more than %d deep", maxDepth)
	}
	for {
		p.newlines()
		if p.got("}") {
			p.depth--
			return true
		}
		s, ok := p.stmt()
		if !ok {
			return false
		}
		blk.Stmts = append(blk.Stmts, s)
	}
}

func (p *parser) stmt() (Stmt, bool) {
	switch {
	case p.got("if"):
		s := &If{}
		cond, ok := p.operand()
		if !ok || !p.want("{") || !p.block(&s.Then) {
			return nil, false
		}
		s.Cond = cond
		if p.got("else") && (!p.want("{") || !p.block(&s.Else)) {
			return nil, false
		}
		return s, p.endLine()
	case p.got("loop"):
		return p.loop()
	case p.got("scope"):
		s := &Scope{}
		if !p.pushLabel(s) {
			return nil, false
		}
		if p.peek().kind == tokString {
			s.Name = p.next().text
		}
		if !p.want("{") || !p.block(&s.Body) {
			return nil, false
		}
		p.labels = p.labels[:len(p.labels)-1]
		return s, p.endLine()
	}
	for k := Break; int(k) < len(exitNames); k++ {
		if p.got(exitNames[k]) {
			return p.exit(k)
		}
	}
	return p.instr()
}

func (p *parser) pushLabel(s Stmt) bool {
	name, ok := p.word("a label")
	p.labels = append(p.labels, label{name, s})
	return ok
}

func (p *parser) loop() (Stmt, bool) {
	s := &Loop{Cond: NoReg}
	if !p.pushLabel(s) || p.got("head") && (!p.want("{") || !p.block(&s.Head)) {
		return nil, false
	}
	if p.got("while") {
		cond, ok := p.operand()
		if !ok {
			return nil, false
		}
		s.Cond = cond
	}
	if !p.want("body") || !p.want("{") || !p.block(&s.Body) {
		return nil, false
	}
	if p.got("step") && (!p.want("{") || !p.block(&s.Step)) {
		return nil, false
	}
	p.labels = p.labels[:len(p.labels)-1]
	return s, p.endLine()
}

func (p *parser) exit(k ExitKind) (Stmt, bool) {
	s := &Exit{Kind: k}
	if k == Return {
		return s, p.endLine()
	}
	name, ok := p.word("a label")
	if !ok {
		return nil, false
	}
	for i := len(p.labels) - 1; i >= 0; i-- {
		if p.labels[i].name == name {
			s.Target = p.labels[i].stmt
			return s, p.endLine()
		}
	}
	return nil, p.fail("no enclosing loop or scope is called %s", name)
}
