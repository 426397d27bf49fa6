package parse

// This file implements the syntax of definitions: a line of mathematics such
// as rms(x; eps=1e-6) = x * rsqrt(mean(x*x) + eps), or a block of named steps.

import "github.com/zmlx-go/zmlx/internal/source"

// A Definition is the tree of one definition. Names are not looked up yet.
type Definition struct {
	At
	Name     string
	NameSpan source.Span
	Inputs   []DefInput
	Params   []DefParam
	Outputs  []DefOutput // as named after ->; empty if the text has no arrow
	Steps    []DefStep
	Results  []Expr // after = or return
}

// A DefInput is an input array.
type DefInput struct {
	Name string
	Row  bool // written name[1]: one value for each row
	Span source.Span
}

// A DefParam is a scalar after the semicolon.
type DefParam struct {
	Name    string
	Default Expr // nil if none is written
	Span    source.Span
}

// A DefOutput is the name of a result.
type DefOutput struct {
	Name string
	Span source.Span
}

// A DefStep is name = X in a block. The name _ discards the value.
type DefStep struct {
	Name string
	Span source.Span // of the name
	X    Expr
}

// Define parses the text of one definition. Findings go to errs; after a
// syntax error there is no tree, and the result is nil.
//
// There is no preprocessor. Steps end at a semicolon or where the next line
// starts another step, so that an expression may go on over lines.
func Define(set *source.Set, file *source.File, errs *source.List) *Definition {
	if errs.Set == nil {
		errs.Set = set
	}
	before := errs.Errors()
	buf := buffers.Get().(*[]token)
	defer putBuffer(buf)
	toks := (*buf)[:0]
	var sc scanner
	for sc.init(file, errs); ; {
		t := sc.next()
		toks = append(toks, t)
		if t.kind == tEOF {
			break
		}
	}
	*buf = toks
	p := newParser(&Config{}, errs)
	p.start(toks)
	mark := p.names.open()
	d := p.define()
	p.names.close(mark)
	if errs.Errors() > before {
		return nil
	}
	return d
}

func (p *parser) define() *Definition {
	d := &Definition{}
	d.Name, d.NameSpan = p.defName("the name of the definition, as in f(x) = x * x")
	open := p.tok().span
	if p.k != tLParen {
		p.expected("'(' and the names of the inputs")
		return nil
	}
	p.next()
	p.defInputs(d)
	if p.accept(tSemi) {
		p.defParams(d)
	}
	switch {
	case p.bad:
		return nil
	case p.k != tRParen && p.k != tEOF && len(d.Params) == 0:
		p.expected("',', ';' or ')'").Notes = []source.Note{{Span: open, Msg: "in this list of inputs"}}
		return nil
	case p.k != tRParen && p.k != tEOF:
		p.expected("',' or ')'").Notes = []source.Note{{Span: open, Msg: "in this list of inputs and parameters"}}
		return nil
	}
	p.closing(tRParen, open)
	if p.accept(tArrow) {
		for {
			name, at := p.defName("the name of an output")
			d.Outputs = append(d.Outputs, DefOutput{name, at})
			if p.bad || !p.accept(tComma) {
				break
			}
		}
	}
	switch {
	case p.bad:
		return nil
	case p.k == tAssign:
		p.next()
		d.Results = p.defResults()
		p.accept(tSemi)
	case p.k == tLBrace:
		p.defBlock(d)
	case len(d.Outputs) == 0:
		p.expected("'=', '->' or '{'")
	default:
		p.expected("'=' or '{'")
	}
	if p.bad {
		return nil
	}
	d.At = p.from(d.NameSpan)
	if p.k != tEOF {
		p.expected("the end of the definition")
		return nil
	}
	return d
}

// defName passes a name that the definition declares.
func (p *parser) defName(what string) (string, source.Span) {
	t := p.tok()
	if p.k != tIdent {
		d := p.expected(what)
		if t.kind > firstKeyword {
			d.Hint = t.String() + " is a word of the kernel language; choose another name"
		}
		return "", t.span
	}
	p.next()
	p.names.declare(t.text, entry{class: value}) // x < y compares, whatever x is elsewhere
	return t.text, t.span
}

// defInputs parses x, r[1], w.
func (p *parser) defInputs(d *Definition) {
	if p.k == tSemi || p.k == tRParen {
		return
	}
	for !p.bad {
		in := DefInput{}
		in.Name, in.Span = p.defName("the name of an input")
		if open := p.tok().span; p.k == tLBrack {
			p.next()
			if t := p.tok(); p.k == tNumber && t.text == "1" {
				p.next()
			} else {
				p.expected("1").Hint = "an input with one value for each row is written name[1]; one with a value for each element, name"
			}
			p.closing(tRBrack, open)
			in.Row = true
			in.Span = join(in.Span, p.last)
		}
		d.Inputs = append(d.Inputs, in)
		if t := p.tok(); p.k == tAssign {
			p.fail(t.span, BadSyntax, "found '=', expected ',', ';' or ')'").Hint = "inputs have no defaults; parameters stand after a semicolon, as in f(x; eps=1e-6)"
		}
		if !p.accept(tComma) {
			return
		}
	}
}

// defParams parses eps=1e-6, p.
func (p *parser) defParams(d *Definition) {
	if p.k == tRParen {
		return
	}
	for !p.bad {
		q := DefParam{}
		q.Name, q.Span = p.defName("the name of a parameter")
		if p.accept(tAssign) {
			q.Default = p.ternary()
		}
		d.Params = append(d.Params, q)
		if !p.accept(tComma) {
			return
		}
	}
}

// defResults parses expressions between commas.
func (p *parser) defResults() []Expr {
	var list []Expr
	for {
		list = append(list, p.ternary())
		if p.bad || !p.accept(tComma) {
			return list
		}
	}
}

// defBlock parses the steps in braces and what they return.
func (p *parser) defBlock(d *Definition) {
	open := p.tok().span
	p.next()
	for !p.bad && p.k != kReturn {
		if p.k == tRBrace || p.k == tEOF {
			p.expected("return and the results")
			return
		}
		s := DefStep{}
		s.Name, s.Span = p.defName("a step, as in h = x + r, or return")
		if p.k != tAssign {
			t := p.tok()
			e := p.expected("'=' after the name of a step")
			if t.kind >= tMulEq && t.kind <= tOrEq {
				e.Hint = "a step has one value; give the new one a name of its own"
			}
			return
		}
		p.next()
		s.X = p.ternary()
		d.Steps = append(d.Steps, s)
		if p.bad || p.accept(tSemi) {
			continue
		}
		if p.k != tRBrace && p.k != tEOF && p.tok().flags&fLine == 0 {
			p.expected("';' or a new line after the step")
			return
		}
	}
	p.next()
	d.Results = p.defResults()
	p.accept(tSemi)
	if !p.bad && p.k != tRBrace && p.k != tEOF {
		p.expected("'}' after the results").Notes = []source.Note{{Span: open, Msg: "to match this"}}
		return
	}
	p.closing(tRBrace, open)
}
