package parse

// This file implements macros: their definition, use and expansion.

import (
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/internal/source"
)

// Codes of preprocessing.
const (
	BadMacro source.Code = "BadMacro"
	TooLarge source.Code = "TooLarge"
)

// Limits on what a text may expand to.
const (
	maxText       = 4 << 20 // bytes of one text
	maxTokens     = 1 << 20 // tokens made by all macro uses, and in all
	maxWord       = 1 << 16 // bytes of a token made by ## or #
	maxMacroDepth = 200     // macro uses within arguments of macro uses
)

// A macro is one #define.
type macro struct {
	name     string
	fn       bool
	variadic bool
	params   int // the variadic one included
	body     []token
	args     []int16 // for each token of body, the parameter it is, or -1
	active   bool    // being expanded: its name in there is left alone
}

// A context is a list of tokens to read before reading on below it.
type context struct {
	toks []token
	m    *macro // ends with the context; may be nil
}

// names that are macros in Metal's headers but values here: a text may ask
// whether they are defined.
var metalMacros = map[string]bool{
	"INFINITY": true, "NAN": true, "HUGE_VALF": true, "HUGE_VALH": true, "MAXFLOAT": true, "MAXHALF": true, "MAXBFLOAT": true,
	"M_PI_F": true, "M_E_F": true, "M_PI_H": true, "M_E_H": true, "M_LOG2E_F": true, "M_LOG10E_F": true, "M_LN2_F": true,
	"M_LN10_F": true, "M_PI_2_F": true, "M_PI_4_F": true, "M_1_PI_F": true, "M_2_PI_F": true, "M_2_SQRTPI_F": true,
	"M_SQRT2_F": true, "M_SQRT1_2_F": true, "FLT_MAX": true, "FLT_MIN": true, "FLT_EPSILON": true, "HALF_MAX": true,
	"HALF_MIN": true, "HALF_EPSILON": true, "INT_MAX": true, "INT_MIN": true, "UINT_MAX": true, "LONG_MAX": true,
	"CHAR_MAX": true, "CHAR_MIN": true, "SHRT_MAX": true, "SHRT_MIN": true, "UCHAR_MAX": true, "USHRT_MAX": true,
}

// predefined are the macros of the Metal compiler and of MLX's preamble.
var predefined = func() map[string]*macro {
	text := map[string]string{
		"__METAL__": "1", "__METAL_VERSION__": "310", "__METAL_MACOS__": "1", "__HAVE_BFLOAT__": "1",
		"__HAVE_SIMDGROUP_MATRIX__": "1", "__HAVE_SIMDGROUP_REDUCTION__": "1", "__HAVE_ATOMIC_FLOAT__": "1",
		"__HAVE_INT64__": "1", "__cplusplus": "201402L", "__clang__": "1", "__APPLE__": "1",
		"METAL_FUNC": "inline", "METAL_CONST": "static constant constexpr const",
		"MTL_CONST": "static constant constexpr const", "MLX_MTL_CONST": "static constant constexpr const",
		"MLX_MTL_LOOP_UNROLL": "", "MLX_MTL_PRAGMA_UNROLL": "", "MLX_METAL_JIT": "1",
	}
	m := map[string]*macro{}
	for name, body := range text {
		m[name] = textMacro(name, body, source.Span{})
	}
	m["instantiate_kernel"] = &macro{name: "instantiate_kernel", fn: true, variadic: true, params: 1}
	return m
}()

// textMacro makes an object-like macro out of text of ours or of a caller.
func textMacro(name, body string, at source.Span) *macro {
	var sc scanner
	sc.init(&source.File{Text: body}, &source.List{})
	m := &macro{name: name}
	for t := sc.next(); t.kind != tEOF; t = sc.next() {
		t.span = at
		m.body = append(m.body, t)
		m.args = append(m.args, -1)
	}
	return m
}

func (p *pre) lookup(name string) *macro {
	if len(p.macros) > 0 {
		if m, ok := p.macros[name]; ok {
			return m // nil after #undef of a predefined macro
		}
	}
	if c := name[0]; c == '_' || c == 'M' || c == 'i' {
		if m := predefined[name]; m != nil {
			own := *m // expansion marks it
			p.setMacro(name, &own)
			return &own
		}
	}
	return nil
}

func (p *pre) setMacro(name string, m *macro) {
	if p.macros == nil {
		p.macros = map[string]*macro{}
	}
	p.macros[name] = m
}

// define reads the rest of a #define directive.
func (p *pre) define(at source.Span) {
	t := p.sc.next()
	if !t.word() {
		if t.kind != tEOL {
			at = t.span
		}
		p.errs.Errorf(at, BadDirective, "#define needs a name, found %s", &t)
		return
	}
	if t.text == "defined" {
		p.errs.Errorf(t.span, BadDirective, "'defined' cannot be a macro")
		return
	}
	m := &macro{name: t.text}
	var params []string
	t = p.sc.next()
	if t.kind == tLParen && t.flags&fSpace == 0 {
		m.fn = true
		for t = p.sc.next(); t.kind != tRParen; t = p.sc.next() {
			switch {
			case t.kind == tEllipsis:
				m.variadic = true
				params = append(params, "__VA_ARGS__")
			case t.word():
				params = append(params, t.text)
			default:
				p.errs.Errorf(t.span, BadDirective, "found %s among the parameters of macro '%s', expected a name", &t, m.name)
				return
			}
			t = p.sc.next()
			if t.kind == tEllipsis { // named variadic: args...
				m.variadic = true
				t = p.sc.next()
			}
			if t.kind == tRParen {
				break
			}
			if t.kind != tComma || m.variadic {
				p.errs.Errorf(t.span, BadDirective, "found %s among the parameters of macro '%s', expected ')'", &t, m.name)
				return
			}
		}
		t = p.sc.next()
	}
	m.params = len(params)
	for ; t.kind != tEOL; t = p.sc.next() {
		arg := int16(-1)
		if t.word() {
			for i, name := range params {
				if name == t.text {
					arg = int16(i)
				}
			}
		}
		t.flags &^= fLine
		m.body = append(m.body, t)
		m.args = append(m.args, arg)
		if !p.spend(1, t.span) {
			return
		}
	}
	if len(m.body) > 0 {
		m.body[0].flags &^= fSpace
		for _, i := range []int{0, len(m.body) - 1} {
			if m.body[i].kind == tHash2 {
				p.errs.Errorf(m.body[i].span, BadDirective, "## cannot stand at an end of a macro")
				return
			}
		}
	}
	p.setMacro(m.name, m)
}

// spend counts n tokens of work, and reports whether the limit allows them.
func (p *pre) spend(n int, at source.Span) bool {
	p.work += n
	if p.work > maxTokens {
		p.stop(at, "macros expand to more than %d tokens", maxTokens)
		return false
	}
	return true
}

// stop ends preprocessing with a TooLarge error.
func (p *pre) stop(at source.Span, format string, args ...any) {
	if !p.stopped {
		p.errs.Errorf(at, TooLarge, format, args...)
	}
	p.stopped = true
}

// raw returns the next token before expansion; tEOF at the end of the text or
// of the list that is being expanded on its own.
func (p *pre) raw() token {
	for len(p.stack) > p.bottom && !p.stopped {
		c := &p.stack[len(p.stack)-1]
		if len(c.toks) > 0 {
			t := c.toks[0]
			c.toks = c.toks[1:]
			return t
		}
		if c.m != nil {
			c.m.active = false
		}
		p.stack = p.stack[:len(p.stack)-1]
	}
	if p.bottom > 0 || p.stopped {
		return token{kind: tEOF}
	}
	return p.line()
}

func (p *pre) push(toks []token, m *macro) {
	if m != nil {
		m.active = true
	}
	p.stack = append(p.stack, context{toks, m})
}

// expand replaces the use t of a macro, if it is one, and reports whether it
// did. If it did not, t is to be used as it is.
func (p *pre) expand(t *token) bool {
	if t.flags&fNoExpand != 0 {
		return false
	}
	m := p.lookup(t.text)
	if m == nil {
		return p.magic(t)
	}
	if m.active {
		t.flags |= fNoExpand
		return false
	}
	if !m.fn {
		if p.spend(len(m.body)+1, t.span) {
			p.push(p.substitute(m, nil, t), m)
		}
		return true
	}
	next := p.raw()
	if next.kind != tLParen {
		if next.kind != tEOF {
			p.push([]token{next}, nil)
		}
		return false
	}
	args, end, ok := p.collect(m, t)
	if !ok {
		p.push([]token{{kind: tOther, text: t.text, span: t.span}}, nil)
		return true
	}
	use := *t
	use.span = join(t.span, end)
	if out := p.substitute(m, args, &use); !p.stopped {
		p.push(out, m)
	}
	return true
}

// magic replaces the macros whose value depends on the place.
func (p *pre) magic(t *token) bool {
	if len(t.text) < 7 || t.text[0] != '_' {
		return false
	}
	r := token{span: t.span, flags: t.flags | fNoExpand}
	switch t.text {
	case "__LINE__":
		r.kind, r.text = tNumber, strconv.Itoa(p.errs.Set.Position(t.span.Pos).Line)
	case "__FILE__":
		r.kind, r.text = tString, strconv.Quote(p.file.Name)
	case "_Pragma":
		open := p.raw()
		if open.kind != tLParen {
			p.errs.Errorf(t.span, BadMacro, "_Pragma needs a string in parentheses")
			return true
		}
		for depth := 1; depth > 0; {
			switch n := p.raw(); n.kind {
			case tLParen:
				depth++
			case tRParen:
				depth--
			case tEOF:
				p.errs.Errorf(t.span, BadMacro, "_Pragma( has no closing parenthesis")
				return true
			}
		}
		return true
	default:
		return false
	}
	p.push([]token{r}, nil)
	return true
}

// collect reads a macro's arguments after the opening parenthesis.
func (p *pre) collect(m *macro, use *token) (args [][]token, end source.Span, ok bool) {
	depth := 1
	var arg []token
	for {
		t := p.raw()
		switch t.kind {
		case tEOF:
			if !p.stopped {
				p.errs.Errorf(use.span, BadMacro, "the arguments of macro '%s' have no closing parenthesis", m.name)
			}
			return nil, t.span, false
		case tLParen:
			depth++
		case tRParen:
			depth--
		}
		if !p.spend(1, t.span) {
			return nil, t.span, false
		}
		if depth == 0 {
			args = append(args, arg)
			end = t.span
			break
		}
		if t.kind == tComma && depth == 1 && !(m.variadic && len(args) == m.params-1) {
			args = append(args, arg)
			arg = nil
			continue
		}
		if t.flags&fLine != 0 {
			t.flags = t.flags&^fLine | fSpace
		}
		arg = append(arg, t)
	}
	if m.variadic && len(args) == m.params-1 {
		args = append(args, nil)
	}
	if m.params == 0 && len(args) == 1 && len(args[0]) == 0 {
		args = nil
	}
	if len(args) != m.params {
		d := p.errs.Errorf(join(use.span, end), BadMacro, "macro '%s' takes %s, found %d", m.name, count(m.params, "argument"), len(args))
		if len(args) > m.params {
			d.Hint = "a comma outside parentheses starts a new argument, even within < > or { }"
		}
		return nil, end, false
	}
	return args, end, true
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// substitute returns the replacement of a use of m.
func (p *pre) substitute(m *macro, args [][]token, use *token) []token {
	out := make([]token, 0, len(m.body))
	var expanded [][]token
	paste := false // the next token is joined to the last one of out
	for i := 0; i < len(m.body) && !p.stopped; i++ {
		t := m.body[i]
		t.span = use.span
		switch {
		case t.kind == tHash && m.fn && i+1 < len(m.body) && m.args[i+1] >= 0:
			i++
			t = p.stringize(args[m.args[i]], use, t.flags)
		case t.kind == tHash2:
			if i+1 < len(m.body) && m.variadic && int(m.args[i+1]) == m.params-1 && len(out) > 0 && out[len(out)-1].kind == tComma {
				// , ## __VA_ARGS__ drops the comma when there are none
				if i++; len(args[m.params-1]) == 0 {
					out = out[:len(out)-1]
				} else {
					out = append(out, args[m.params-1]...)
				}
				continue
			}
			paste = true
			continue
		case m.args[i] >= 0:
			a := m.args[i]
			list := args[a]
			joins := paste || i+1 < len(m.body) && m.body[i+1].kind == tHash2
			if !joins {
				if expanded == nil {
					expanded = make([][]token, len(args))
				}
				if expanded[a] == nil && len(list) > 0 {
					expanded[a] = p.expandList(list)
				}
				list = expanded[a]
			}
			if !p.spend(len(list), use.span) {
				return nil
			}
			if paste && len(list) > 0 {
				out = p.paste(out, list[0], use)
				out = append(out, list[1:]...)
			} else if len(list) > 0 {
				k := len(out)
				out = append(out, list...)
				out[k].flags = out[k].flags&^(fSpace|fGlued) | t.flags&fSpace
			} else if !paste && joins {
				// an empty argument before ## leaves nothing to join to
				if i += 1; i+1 < len(m.body) && m.args[i+1] < 0 {
					i++
					next := m.body[i]
					next.span = use.span
					out = append(out, next)
				}
			}
			paste = false
			continue
		}
		if !p.spend(1, use.span) {
			return nil
		}
		if paste {
			out = p.paste(out, t, use)
			paste = false
		} else {
			out = append(out, t)
		}
	}
	return out
}

// expandList expands an argument on its own.
func (p *pre) expandList(list []token) []token {
	plain := true
	for i := range list {
		if list[i].word() && (p.lookup(list[i].text) != nil || list[i].text[0] == '_') {
			plain = false
			break
		}
	}
	if plain {
		return list
	}
	if p.depth++; p.depth > maxMacroDepth {
		p.depth--
		p.stop(list[0].span, "macro uses nest more than %d deep", maxMacroDepth)
		return nil
	}
	bottom := p.bottom
	p.bottom = len(p.stack) + 1
	p.push(nil, nil) // keeps bottom above 0
	p.push(list, nil)
	var out []token
	for t := p.raw(); t.kind != tEOF; t = p.raw() {
		if t.word() && p.expand(&t) {
			continue
		}
		out = append(out, t)
	}
	p.stack = p.stack[:min(len(p.stack), p.bottom-1)]
	p.bottom = bottom
	p.depth--
	return out
}

// paste joins the last token of out with t.
func (p *pre) paste(out []token, t token, use *token) []token {
	if len(out) == 0 {
		return append(out, t)
	}
	last := &out[len(out)-1]
	if len(last.text)+len(t.text) > maxWord {
		p.stop(use.span, "macro '%s' makes a word of more than %d bytes", use.text, maxWord)
		return nil
	}
	text := last.text + t.text
	p.work += len(text) / 16
	var sc scanner
	sc.init(&source.File{Text: text}, &source.List{})
	r := sc.next()
	if r.kind == tGt && sc.i+1 == len(text) { // > and > stay two tokens
		t.flags |= fGlued
		t.flags &^= fSpace
		return append(out, t)
	}
	if sc.i != len(text) || r.kind == tEOF {
		p.errs.Errorf(use.span, BadMacro, "## in macro '%s' joins %s and %s, which is no token", use.text, last, &t)
		*last = token{kind: tOther, text: use.text, span: use.span}
		return out
	}
	r.span = join(last.span, t.span)
	r.flags = last.flags &^ fNoExpand
	*last = r
	return out
}

// stringize makes the string that # parameter stands for.
func (p *pre) stringize(list []token, use *token, flags uint8) token {
	var b strings.Builder
	b.WriteByte('"')
	for i := range list {
		t := &list[i]
		if i > 0 && t.flags&fSpace != 0 {
			b.WriteByte(' ')
		}
		if t.kind == tString || t.kind == tChar {
			b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t.text))
		} else {
			b.WriteString(t.text)
		}
		if b.Len() > maxWord {
			p.stop(use.span, "macro '%s' makes a string of more than %d bytes", use.text, maxWord)
			break
		}
	}
	b.WriteByte('"')
	p.work += b.Len() / 16
	return token{kind: tString, text: b.String(), span: use.span, flags: flags}
}
