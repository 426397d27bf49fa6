package parse

// This file implements the parser's entry points, its view of the tokens, and
// how it recovers from errors.

import (
	"fmt"
	"sync"

	"github.com/zmlx-go/zmlx/internal/source"
)

// Codes of parsing.
const (
	BadSyntax          source.Code = "BadSyntax"
	BadDeclaration     source.Code = "BadDeclaration"
	MissingSemicolon   source.Code = "MissingSemicolon"
	MissingBracket     source.Code = "MissingBracket"
	UnknownType        source.Code = "UnknownType"
	UnsupportedFeature source.Code = "UnsupportedFeature"
	TooDeep            source.Code = "TooDeep"
)

const (
	maxDepth  = 256  // nested statements, expressions and types
	maxChain  = 5000 // operators of one chain, such as a+b+c+…
	maxErrors = 50   // errors reported of one text
	maxWork   = 40   // times a token is looked at, on average
)

// A parser reads the tokens of one text after another. After an error it
// sees the end of the text (bad is set), so that all loops end without further
// errors, until a statement or declaration recovers.
type parser struct {
	errs *source.List
	toks []token
	i    int
	k    kind        // kind of toks[i], or tEOF while bad
	last source.Span // of the token before
	bad  bool
	try  int // open attempts: errors are not kept
	work int // tokens passed, again and again; bounds backtracking

	exhausted bool // the bound was reached

	depth      int
	lists      int  // braces of initialisers open in this statement
	noGT       bool // > ends a template argument
	nerrs      int
	packs      bool          // a parameter pack was refused
	structName string        // of the innermost struct being declared
	head       *TemplateHead // of the declaration being parsed, until it is taken
	names      names
	failed     map[int]bool // tokens where no type starts, by attempts
	dummy      source.Diag
}

var buffers = sync.Pool{New: func() any { b := make([]token, 0, 4096); return &b }}

func putBuffer(b *[]token) {
	if cap(*b) <= 1<<16 {
		clear(*b)
		buffers.Put(b)
	}
}

// Kernel parses a kernel: the declarations of header, which may be nil, and
// the statements of body. Findings go to errs; the tree is complete where the
// text is, and has gaps where it had to be skipped.
func Kernel(set *source.Set, header, body *source.File, cfg Config, errs *source.List) *Tree {
	if errs.Set == nil {
		errs.Set = set
	}
	buf := buffers.Get().(*[]token)
	defer putBuffer(buf)
	pp := newPre(&cfg, errs)
	p := newParser(&cfg, errs)
	t := &Tree{}
	if header != nil {
		*buf = pp.tokens(header, (*buf)[:0])
		if !pp.stopped {
			p.start(*buf)
			t.Decls = p.file()
		}
	}
	*buf = pp.tokens(body, (*buf)[:0])
	if pp.stopped { // what is missing at the cut is no fault of the text
		t.Body = &Block{At: At{source.Span{Pos: body.Base(), End: body.Pos(len(body.Text))}}}
		return t
	}
	p.start(*buf)
	mark := p.names.open()
	for _, name := range cfg.Types {
		p.names.declare(name, entry{class: typeName})
	}
	for _, name := range cfg.Values {
		p.names.declare(name, entry{class: value})
	}
	t.Body = p.body(body)
	p.names.close(mark)
	return t
}

// Decls parses a text of declarations, such as a prelude.
func Decls(set *source.Set, file *source.File, cfg Config, errs *source.List) []Decl {
	if errs.Set == nil {
		errs.Set = set
	}
	buf := buffers.Get().(*[]token)
	defer putBuffer(buf)
	p := newParser(&cfg, errs)
	for _, name := range cfg.Types {
		p.names.declare(name, entry{class: typeName})
	}
	*buf = newPre(&cfg, errs).tokens(file, (*buf)[:0])
	p.start(*buf)
	return p.file()
}

func newParser(cfg *Config, errs *source.List) *parser {
	p := &parser{errs: errs}
	for _, d := range cfg.Prelude {
		p.names.declareDecl(d)
	}
	return p
}

func (p *parser) start(toks []token) {
	p.toks, p.i, p.k = toks, 0, toks[0].kind
	p.last = source.Span{}
	p.bad, p.exhausted, p.work, p.nerrs, p.failed = false, false, 0, 0, nil
}

// body parses the statements of a kernel.
func (p *parser) body(f *source.File) *Block {
	b := &Block{At: At{source.Span{Pos: f.Base(), End: f.Pos(len(f.Text))}}}
	for p.more() {
		if p.k == tRBrace {
			p.report(p.tok().span, BadSyntax, "this '}' closes nothing").Hint = "the body is placed between the braces of the kernel; leave them out"
			p.next()
			continue
		}
		b.Stmts = p.stmt(b.Stmts)
	}
	return b
}

// file parses declarations up to the end.
func (p *parser) file() []Decl {
	var out []Decl
	for p.more() {
		if p.k == tRBrace {
			p.report(p.tok().span, BadSyntax, "this '}' closes nothing")
			p.next()
			continue
		}
		out = p.decl(out, atFile)
		p.recover()
	}
	return out
}

// more reports whether tokens are left, and whether more errors are wanted.
func (p *parser) more() bool {
	if p.nerrs >= maxErrors {
		p.i = len(p.toks) - 1
		p.k = tEOF
	}
	return p.k != tEOF
}

// ---- Tokens

func (p *parser) tok() *token { return &p.toks[p.i] }

func (p *parser) next() {
	if p.bad || p.i+1 >= len(p.toks) {
		return
	}
	p.last = p.toks[p.i].span
	p.i++
	p.k = p.toks[p.i].kind
	if p.work++; p.work > maxWork*(len(p.toks)+2000) && !p.exhausted {
		p.exhausted = true
		p.nerrs++
		p.errs.Errorf(p.tok().span, TooLarge, "this text is too ambiguous to parse in linear time")
		p.i = len(p.toks) - 1
		p.k = tEOF
	}
}

// peek returns the kind of the nth token from here.
func (p *parser) peek(n int) kind {
	if p.bad || p.i+n >= len(p.toks) {
		return tEOF
	}
	return p.toks[p.i+n].kind
}

// accept passes a token if it is of kind k.
func (p *parser) accept(k kind) bool {
	if p.k == k && !p.bad {
		p.next()
		return true
	}
	return false
}

// from returns the span from a start to the last token passed.
func (p *parser) from(start source.Span) At { return At{join(start, p.last)} }

// ---- Errors

// report notes an error that parsing can go on from.
func (p *parser) report(at source.Span, code source.Code, format string, args ...any) *source.Diag {
	if p.bad {
		p.dummy = source.Diag{}
		return &p.dummy
	}
	if p.exhausted || p.try > 0 {
		p.bad, p.k = true, tEOF
		p.dummy = source.Diag{}
		return &p.dummy
	}
	p.nerrs++
	if p.k == tOther { // reported before
		p.bad, p.k = true, tEOF
		p.dummy = source.Diag{}
		return &p.dummy
	}
	return p.errs.Errorf(at, code, format, args...)
}

// fail notes an error that this statement cannot go on from.
func (p *parser) fail(at source.Span, code source.Code, format string, args ...any) *source.Diag {
	d := p.report(at, code, format, args...)
	p.bad, p.k = true, tEOF
	return d
}

// expected fails at the current token.
func (p *parser) expected(what string) *source.Diag {
	t := p.tok()
	at := t.span
	if t.kind == tEOF && p.last.Valid() {
		at = source.Span{Pos: p.last.End, End: p.last.End}
	}
	d := p.fail(at, BadSyntax, "found %s, expected %s", t, what)
	p.noteMacro(d, t)
	if t.kind == tIdent && p.nerrs > 0 && d != &p.dummy {
		if near := nearest(t.text, statementWords); near != "" {
			d.Hint = "did you mean " + near + "?"
		}
	}
	return d
}

var statementWords = []string{"else", "return", "break", "continue", "while", "const", "constexpr", "device", "threadgroup", "struct", "template", "typename"}

// expect passes a token of kind k or fails.
func (p *parser) expect(k kind) bool {
	if p.accept(k) {
		return true
	}
	p.expected("'" + spelling[k] + "'")
	return false
}

// closing passes the bracket that ends what was opened at open.
func (p *parser) closing(k kind, open source.Span) {
	if p.accept(k) {
		return
	}
	t := p.tok()
	if t.kind == tEOF && p.nerrs > 0 && p.try == 0 {
		p.bad, p.k = true, tEOF // an earlier error is the likelier cause
		return
	}
	if t.kind == tEOF {
		p.fail(open, MissingBracket, "this '%s' has no '%s'", spelling[k-1], spelling[k])
		return
	}
	d := p.fail(t.span, MissingBracket, "found %s, expected '%s'", t, spelling[k])
	p.noteMacro(d, t)
	d.Notes = append(d.Notes, source.Note{Span: open, Msg: "to match this"})
}

// noteMacro says so where the text at an error does not show the token spoken
// of, because it came out of a macro.
func (p *parser) noteMacro(d *source.Diag, t *token) {
	if d == &p.dummy || t.kind == tEOF {
		return
	}
	f := p.errs.Set.File(t.span.Pos)
	if f == nil {
		return
	}
	from, to := int(t.span.Pos-f.Base()), int(t.span.End-f.Base())
	if to <= len(f.Text) && f.Text[from:to] == t.text {
		return
	}
	d.Notes = append(d.Notes, source.Note{Msg: t.String() + " comes out of the macro used here"})
}

// semicolon ends a statement or declaration.
func (p *parser) semicolon(after string) {
	if p.accept(tSemi) || p.bad {
		return
	}
	at := source.Span{Pos: p.last.End, End: p.last.End + 1}
	t := p.tok()
	d := p.fail(at, MissingSemicolon, "expected ';' after %s, found %s", after, t)
	p.noteMacro(d, t)
	switch t.kind {
	case tRParen, tRBrack:
		// an unbalanced bracket is the likelier mistake
		d.Span = t.span
		d.Code = MissingBracket
		d.Msg = fmt.Sprintf("this '%s' closes nothing", spelling[t.kind])
	case tColon2, tHash, tOther, tHash2:
		d.Span = t.span
		d.Code = BadSyntax
	}
}

// unsupported fails because of a feature that the language leaves out.
func (p *parser) unsupported(at source.Span, what, hint string) {
	verb := "is"
	if len(what) > 1 && what[len(what)-1] == 's' && what[len(what)-2] != 's' {
		verb = "are"
	}
	p.fail(at, UnsupportedFeature, "%s %s not in the kernel language", what, verb).Hint = hint
}

// recover ends the state after an error and goes to where a statement or
// declaration may start again: after the next semicolon or closed block, before
// a closing brace, or at a word that only starts statements.
func (p *parser) recover() {
	if !p.bad || p.try > 0 {
		return
	}
	p.bad = false
	p.k = p.toks[p.i].kind
	lists := p.lists // braces that opened before the error
	p.lists = 0
	depth, parens := 0, 0
	for first := true; p.k != tEOF; first = false {
		switch p.k {
		case tLParen:
			parens++
		case tRParen:
			parens--
		case tSemi:
			if depth == 0 && (parens <= 0 || p.i+1 < len(p.toks) && p.toks[p.i+1].flags&fLine != 0) {
				p.skip()
				return
			}
		case tLBrace:
			depth++
		case tRBrace:
			switch {
			case depth > 0:
				if depth--; depth == 0 && lists == 0 {
					p.skip()
					if p.k == tSemi {
						p.skip()
					}
					return
				}
			case lists > 0:
				lists--
			default:
				return
			}
		case kIf, kFor, kWhile, kDo, kReturn, kSwitch, kBreak, kContinue, kTypedef, kUsing, kTemplate, kConstexpr, kConst:
			if depth == 0 && !first && p.tok().flags&fLine != 0 {
				return
			}
		}
		p.skip()
	}
}

// recoverAfter ends the state after an error within parentheses: it goes to
// after the one that matches that of token open, if there is one.
func (p *parser) recoverAfter(open int) {
	if !p.bad || p.try > 0 {
		return
	}
	depth := 0
	for i := open; i < len(p.toks)-1; i++ {
		switch p.toks[i].kind {
		case tLParen:
			depth++
		case tRParen:
			if depth--; depth == 0 && i >= p.i {
				p.bad, p.lists = false, 0
				p.i = i
				p.skip()
				return
			}
			if depth == 0 {
				return
			}
		case tLBrace, tRBrace:
			return
		}
	}
}

// skip passes a token without counting it as work.
func (p *parser) skip() {
	if p.i+1 < len(p.toks) {
		p.last = p.toks[p.i].span
		p.i++
		p.k = p.toks[p.i].kind
	}
}

// enter counts one level of nesting; leave uncounts it.
func (p *parser) enter() bool {
	if p.depth >= maxDepth {
		p.fail(p.tok().span, TooDeep, "this nests more than %d deep", maxDepth)
		return false
	}
	p.depth++
	return true
}

func (p *parser) leave() { p.depth-- }

// ---- Attempts

// A mark is a place to come back to.
type mark struct {
	i, lists int
	last     source.Span
	noGT     bool
}

// attempt runs f, and takes everything back unless f returns true without an
// error.
func (p *parser) attempt(f func() bool) bool {
	if p.bad {
		return false
	}
	m := mark{p.i, p.lists, p.last, p.noGT}
	p.try++
	ok := f() && !p.bad
	p.try--
	p.noGT = m.noGT
	if ok {
		return true
	}
	p.bad = false
	if p.exhausted {
		return false // at the end, for good
	}
	p.i, p.lists, p.last = m.i, m.lists, m.last
	p.k = p.toks[p.i].kind
	return false
}
