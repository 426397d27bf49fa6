package parse

// This file implements the preprocessor's directives, and the way from a text
// to the list of tokens that the parser reads.

import (
	"path"
	"strings"

	"github.com/zmlx-go/zmlx/internal/source"
)

// Codes of directives.
const (
	BadDirective           source.Code = "BadDirective"
	ErrorDirective         source.Code = "ErrorDirective"
	WarningDirective       source.Code = "WarningDirective"
	UnsupportedInclude     source.Code = "UnsupportedInclude"
	TemplateInPreprocessor source.Code = "TemplateInPreprocessor"
)

// A pre is the preprocessor's state, which lasts from the header to the body.
type pre struct {
	errs   *source.List
	cfg    *Config
	macros map[string]*macro // of the text; nil values were undefined

	file  *source.File
	sc    scanner
	conds []cond

	stack   []context
	bottom  int // contexts under it belong to an expansion further out
	depth   int
	work    int
	stopped bool
}

// A cond is one #if that is open.
type cond struct {
	at      source.Span
	taken   bool // a branch was taken
	hasElse bool
}

func newPre(cfg *Config, errs *source.List) *pre {
	p := &pre{errs: errs, cfg: cfg}
	for name, text := range cfg.Defines {
		p.setMacro(name, textMacro(name, text, source.Span{}))
	}
	return p
}

// tokens returns the tokens of a text with all macros expanded, an end token
// last. The list is appended to buf.
func (p *pre) tokens(f *source.File, buf []token) []token {
	p.file = f
	p.conds = p.conds[:0]
	p.stack = p.stack[:0]
	p.sc.init(f, p.errs)
	end := source.Span{Pos: f.Pos(len(f.Text)), End: f.Pos(len(f.Text))}
	if len(f.Text) > maxText {
		p.stop(source.Span{Pos: f.Base(), End: f.Base()}, "this text has more than %d bytes", maxText)
	}
	for {
		t := p.raw()
		if t.kind == tEOF {
			break
		}
		if t.word() && p.expand(&t) {
			continue
		}
		if !t.span.Valid() {
			t.span = end
		}
		buf = append(buf, t)
		if len(buf) > maxTokens {
			p.stop(t.span, "this text has more than %d tokens", maxTokens)
		}
	}
	if len(p.conds) > 0 && !p.stopped {
		c := p.conds[len(p.conds)-1]
		p.errs.Errorf(c.at, BadDirective, "this conditional has no #endif")
	}
	return append(buf, token{kind: tEOF, span: end})
}

// line returns the next token of the text, passing directives.
func (p *pre) line() token {
	for {
		t := p.sc.next()
		if t.kind == tHash && t.flags&fLine != 0 {
			p.directive(t)
			continue
		}
		return t
	}
}

func (p *pre) directive(hash token) {
	p.sc.directive = true
	t := p.sc.next()
	at := join(hash.span, t.span)
	switch t.text {
	case "define":
		p.define(at)
	case "undef":
		if t = p.sc.next(); !t.word() {
			p.errs.Errorf(t.span, BadDirective, "#undef needs a name, found %s", &t)
		} else if p.lookup(t.text) != nil {
			p.setMacro(t.text, nil)
		}
	case "if":
		p.open(at, p.condition(at))
	case "ifdef":
		p.open(at, p.isDefined(at))
	case "ifndef":
		p.open(at, !p.isDefined(at))
	case "elif", "elifdef", "elifndef", "else":
		// reached from inside a branch that was taken
		if len(p.conds) == 0 {
			p.errs.Errorf(at, BadDirective, "#%s without #if", t.text)
			break
		}
		p.middle(t.text, at)
		p.endLine()
		p.skipGroup()
		return
	case "endif":
		if len(p.conds) == 0 {
			p.errs.Errorf(at, BadDirective, "#endif without #if")
			break
		}
		p.conds = p.conds[:len(p.conds)-1]
	case "include", "import":
		p.include(at)
	case "error":
		p.errs.Errorf(at, ErrorDirective, "#error: %s", p.rest())
	case "warning":
		p.errs.Errorf(at, WarningDirective, "#warning: %s", p.rest()).Severity = source.Warning
	case "pragma", "line", "":
	default:
		if t.kind == tNumber {
			break
		}
		d := p.errs.Errorf(at, BadDirective, "unknown directive #%s", t.text)
		if near := nearest(t.text, directives); near != "" {
			d.Hint = "did you mean #" + near + "?"
		}
	}
	p.endLine()
	if n := len(p.conds); n > 0 && !p.conds[n-1].taken {
		p.skipGroup()
	}
}

var directives = []string{"define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif", "include", "error", "pragma"}

// endLine leaves the directive's line.
func (p *pre) endLine() {
	p.sc.directive = true
	for p.sc.skip(); p.sc.i < len(p.sc.s) && p.sc.s[p.sc.i] != '\n'; p.sc.skip() {
		p.sc.i++
	}
	p.sc.directive = false
	p.sc.flags = fLine | fSpace
}

// rest returns what is left of the line as text.
func (p *pre) rest() string {
	end := p.sc.lineEnd(p.sc.i)
	s := strings.TrimSpace(p.sc.s[p.sc.i:end])
	p.sc.i = end
	if len(s) > 200 {
		s = s[:200]
	}
	return s
}

func (p *pre) open(at source.Span, taken bool) {
	p.conds = append(p.conds, cond{at: at, taken: taken})
}

// middle records an #elif or #else of the innermost #if.
func (p *pre) middle(word string, at source.Span) {
	c := &p.conds[len(p.conds)-1]
	if c.hasElse {
		d := p.errs.Errorf(at, BadDirective, "#%s after #else", word)
		d.Notes = append(d.Notes, source.Note{Span: c.at, Msg: "the conditional starts here"})
	}
	if word == "else" {
		c.hasElse = true
	}
}

// isDefined reads the name of #ifdef.
func (p *pre) isDefined(at source.Span) bool {
	t := p.sc.next()
	if !t.word() {
		p.errs.Errorf(at, BadDirective, "#ifdef and #ifndef need a name, found %s", &t)
		return false
	}
	return p.defined(&t)
}

// defined reports whether a name is a macro, and warns of names that only
// look like one.
func (p *pre) defined(t *token) bool {
	if p.lookup(t.text) != nil {
		return true
	}
	if metalMacros[t.text] {
		_, undefined := p.macros[t.text]
		return !undefined
	}
	p.warnTemplate(t, "is not defined for the preprocessor")
	return false
}

// warnTemplate warns of a template argument or input in a directive.
func (p *pre) warnTemplate(t *token, what string) {
	for _, list := range [][]string{p.cfg.Values, p.cfg.Types} {
		for _, name := range list {
			if name == t.text {
				d := p.errs.Errorf(t.span, TemplateInPreprocessor, "'%s' %s: the preprocessor runs before template arguments and inputs exist", name, what)
				d.Severity = source.Warning
				d.Hint = "use a plain if, or if constexpr: conditions on template arguments are folded"
				return
			}
		}
	}
}

// skipGroup passes the text of branches not taken, up to the directive that
// ends the conditional or starts a branch that is taken.
func (p *pre) skipGroup() {
	nested := 0
	for p.sc.i < len(p.sc.s) {
		p.sc.directive = false
		if !p.toHash() {
			break
		}
		start := p.sc.i
		p.sc.i++
		p.sc.directive = true
		t := p.sc.next()
		at := p.sc.span(start, p.sc.i)
		switch t.text {
		case "if", "ifdef", "ifndef":
			nested++
		case "endif":
			if nested == 0 {
				p.conds = p.conds[:len(p.conds)-1]
				p.endLine()
				if n := len(p.conds); n > 0 && !p.conds[n-1].taken {
					continue
				}
				return
			}
			nested--
		case "else", "elif", "elifdef", "elifndef":
			if nested > 0 {
				break
			}
			p.middle(t.text, at)
			c := len(p.conds) - 1
			if p.conds[c].taken {
				break
			}
			taken := true
			switch t.text {
			case "elif":
				taken = p.condition(at)
			case "elifdef":
				taken = p.isDefined(at)
			case "elifndef":
				taken = !p.isDefined(at)
			}
			if taken {
				p.conds[c].taken = true
				p.endLine()
				return
			}
		}
		p.endLine()
	}
	p.sc.directive = false
	p.sc.flags = fLine | fSpace
}

// toHash goes to the next # that is first on its line. Text that is skipped
// need not consist of tokens, but its comments and strings are respected.
func (p *pre) toHash() bool {
	s := p.sc.s
	first := true
	for i := p.sc.i; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			first = true
			continue
		case byteClass[c] == isBlank:
			continue
		case c == '#' && first:
			p.sc.i = i
			return true
		case c == '/' && i+1 < len(s) && s[i+1] == '/':
			i = p.sc.lineEnd(i) - 1
			continue
		case c == '/' && i+1 < len(s) && s[i+1] == '*':
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				i = len(s)
				continue
			}
			i += end + 3
			continue
		case c == '"':
			for i++; i < len(s) && s[i] != '"' && s[i] != '\n'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i < len(s) && s[i] == '\n' {
				i--
			}
		case c == '\\':
			if n := p.sc.splice(i); n > 0 {
				i += n - 1
			}
		}
		first = false
	}
	p.sc.i = len(s)
	return false
}

// preamble names the quoted headers whose content every kernel has anyway.
var preamble = map[string]bool{
	"utils.h": true, "bf16.h": true, "bf16_math.h": true, "complex.h": true, "defines.h": true, "logging.h": true,
}

func (p *pre) include(at source.Span) {
	p.sc.skip()
	start := p.sc.i
	text := p.rest()
	if strings.HasPrefix(text, "<") || text == "" || text[0] != '"' {
		return
	}
	name := text[1:]
	if i := strings.IndexByte(name, '"'); i >= 0 {
		name = name[:i]
	}
	base := path.Base(name)
	if preamble[base] || strings.HasPrefix(base, "metal_") || strings.Contains(base, "bf16") {
		return
	}
	d := p.errs.Errorf(join(at, p.sc.span(start, start+len(name)+2)), UnsupportedInclude, "cannot include \"%s\": kernels are compiled without a file system", name)
	d.Hint = "paste the text of " + base + " into the kernel's header"
}
