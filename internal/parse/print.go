package parse

// This file implements printing: trees become source text again. Parsing the
// text gives the same tree, positions aside.

import (
	"strconv"
	"strings"
)

// Print returns the text of a kernel: its declarations, then its body as a
// block.
func Print(t *Tree) string {
	var w printer
	for _, d := range t.Decls {
		w.decl(d)
	}
	if t.Body != nil {
		w.block(t.Body)
		w.line()
	}
	return w.b.String()
}

// PrintDecls returns the text of declarations.
func PrintDecls(list []Decl) string {
	var w printer
	for _, d := range list {
		w.decl(d)
	}
	return w.b.String()
}

// PrintStmts returns the text of statements, without braces around them.
func PrintStmts(list []Stmt) string {
	var w printer
	for _, s := range list {
		w.stmt(s)
	}
	return w.b.String()
}

// PrintExpr returns the text of an expression.
func PrintExpr(x Expr) string {
	var w printer
	w.expr(x)
	return w.b.String()
}

// PrintType returns the text of a type.
func PrintType(t TypeExpr) string {
	var w printer
	w.declare(t, "")
	return w.b.String()
}

type printer struct {
	b      strings.Builder
	indent int
	bol    bool // the line is empty so far
}

func (w *printer) s(parts ...string) {
	for _, s := range parts {
		if s == "" {
			continue
		}
		if w.bol {
			for range w.indent {
				w.b.WriteString("  ")
			}
			w.bol = false
		}
		w.b.WriteString(s)
	}
}

func (w *printer) line() {
	w.b.WriteByte('\n')
	w.bol = true
}

// ---- Types

// named writes a type with its qualifiers.
func (w *printer) named(t *NamedType) {
	if t.Space != NoSpace {
		w.s(t.Space.String(), " ")
	}
	if t.Const {
		w.s("const ")
	}
	if t.Volatile {
		w.s("volatile ")
	}
	w.bare(t)
}

func (w *printer) bare(t *NamedType) {
	switch {
	case t.X != nil:
		w.s("decltype(")
		w.expr(t.X)
		w.s(")")
	case t.Of != nil:
		w.s("typename ")
		w.chain(t)
	default:
		w.chain(t)
	}
}

func (w *printer) chain(t *NamedType) {
	if of, ok := t.Of.(*NamedType); ok {
		w.chain(of)
		w.s("::")
		if t.HasArgs {
			w.s("template ")
		}
	}
	for _, q := range t.Path {
		w.s(q, "::")
	}
	w.s(t.Name)
	if t.HasArgs {
		w.args(t.Args)
	}
}

func (w *printer) args(list []Node) {
	w.s("<")
	for i, a := range list {
		if i > 0 {
			w.s(", ")
		}
		switch a := a.(type) {
		case TypeExpr:
			w.declare(a, "")
		case Expr:
			w.expr(a)
		}
	}
	w.s(">")
}

// declare writes a declaration of name with type t, in C's inside-out way.
func (w *printer) declare(t TypeExpr, name string) {
	var levels []TypeExpr
	base := t
	for {
		switch b := base.(type) {
		case *PointerType:
			levels = append(levels, b)
			base = b.Elem
			continue
		case *RefType:
			levels = append(levels, b)
			base = b.Elem
			continue
		case *ArrayType:
			levels = append(levels, b)
			base = b.Elem
			continue
		}
		break
	}
	if n, ok := base.(*NamedType); ok {
		w.named(n)
	}
	inner := name
	prefix := false // the outermost level of inner is a pointer
	for _, l := range levels {
		switch l := l.(type) {
		case *PointerType:
			q := "*"
			if l.Space != NoSpace {
				q += " " + l.Space.String()
			}
			if l.Const {
				q += " const"
			}
			if len(q) > 1 && inner != "" {
				q += " "
			}
			inner, prefix = q+inner, true
		case *RefType:
			q := "&"
			if l.RValue {
				q = "&&"
			}
			inner, prefix = q+inner, true
		case *ArrayType:
			if prefix {
				inner = "(" + inner + ")"
			}
			n := ""
			if l.Len != nil {
				n = PrintExpr(l.Len)
			}
			inner, prefix = inner+"["+n+"]", false
		}
	}
	if inner != "" {
		w.s(" ", inner)
	}
}

// ---- Declarations

func (w *printer) head(h *TemplateHead) {
	if h == nil {
		return
	}
	w.s("template <")
	for i, t := range h.Params {
		if i > 0 {
			w.s(", ")
		}
		dots := ""
		if t.Pack {
			dots = "..."
		}
		if t.Type == nil {
			w.s("typename", dots)
			if t.Name != "" {
				w.s(" ", t.Name)
			}
		} else {
			w.declare(t.Type, dots+t.Name)
		}
		if t.Default != nil {
			w.s(" = ")
			switch d := t.Default.(type) {
			case TypeExpr:
				w.declare(d, "")
			case Expr:
				w.expr(d)
			}
		}
	}
	w.s(">")
	w.line()
}

func (w *printer) decl(d Decl) {
	switch d := d.(type) {
	case *FuncDecl:
		w.fn(d)
	case *StructDecl:
		w.strct(d)
	case *AliasDecl:
		w.head(d.Template)
		w.s("using ", d.Name, " = ")
		w.declare(d.Type, "")
		w.s(";")
		w.line()
	case *VarDecl:
		w.head(d.Template)
		w.varDecl(d)
		w.s(";")
		w.line()
	case *EnumDecl:
		w.s("enum ")
		if d.Scoped {
			w.s("class ")
		}
		w.s(d.Name)
		if d.Base != nil {
			w.s(" : ")
			w.declare(d.Base, "")
		}
		w.s(" {")
		for i, it := range d.Items {
			if i > 0 {
				w.s(",")
			}
			w.s(" ", it.Name)
			if it.X != nil {
				w.s(" = ")
				w.expr(it.X)
			}
		}
		w.s(" };")
		w.line()
	case *StaticAssert:
		w.s("static_assert(")
		w.expr(d.X)
		if d.Msg != "" {
			w.s(", ", quote(d.Msg, '"'))
		}
		w.s(");")
		w.line()
	case *NamespaceDecl:
		w.s("namespace ", d.Name, " {")
		w.line()
		for _, m := range d.Decls {
			w.decl(m)
		}
		w.s("}")
		w.line()
	}
}

func (w *printer) varDecl(d *VarDecl) {
	if d.Static {
		w.s("static ")
	}
	if d.Constexpr {
		w.s("constexpr ")
	}
	w.declare(d.Type, d.Name)
	w.init(d)
}

func (w *printer) init(d *VarDecl) {
	switch d.Style {
	case EqualInit:
		w.s(" = ")
		w.expr(d.Init)
	case ParenInit:
		w.list("(", d.Args, ")")
	case BraceInit:
		w.list("{", d.Args, "}")
	}
}

func (w *printer) params(list []*Param) {
	w.s("(")
	for i, x := range list {
		if i > 0 {
			w.s(", ")
		}
		w.declare(x.Type, x.Name)
		if x.Default != nil {
			w.s(" = ")
			w.expr(x.Default)
		}
	}
	w.s(")")
}

func (w *printer) fn(d *FuncDecl) {
	w.head(d.Template)
	if d.Kernel {
		w.s("kernel ")
	}
	if d.Static {
		w.s("static ")
	}
	if d.Constexpr {
		w.s("constexpr ")
	}
	name := d.Name
	if d.SpecArgs != nil {
		var in printer
		in.args(d.SpecArgs)
		name += in.b.String()
	}
	switch {
	case d.Conv != nil:
		w.s("operator ")
		w.declare(d.Conv, "")
	case d.Ret != nil:
		w.declare(d.Ret, name)
	default:
		w.s(name)
	}
	w.params(d.Params)
	if d.Const {
		w.s(" const")
	}
	if d.Space != NoSpace {
		w.s(" ", d.Space.String())
	}
	for i, c := range d.Inits {
		if i == 0 {
			w.s(" : ")
		} else {
			w.s(", ")
		}
		w.s(c.Name)
		w.list("(", c.Args, ")")
	}
	switch {
	case d.Default:
		w.s(" = default;")
	case d.Deleted:
		w.s(" = delete;")
	case d.Body != nil:
		w.s(" ")
		w.block(d.Body)
	default:
		w.s(";")
	}
	w.line()
}

func (w *printer) strct(d *StructDecl) {
	w.head(d.Template)
	word := "struct"
	if d.Union {
		word = "union"
	}
	w.s(word)
	if d.Name != "" {
		w.s(" ", d.Name)
	}
	if d.SpecArgs != nil {
		w.args(d.SpecArgs)
	}
	if d.Declared {
		w.s(";")
		w.line()
		return
	}
	for i, b := range d.Bases {
		if i == 0 {
			w.s(" : ")
		} else {
			w.s(", ")
		}
		w.declare(b, "")
	}
	w.s(" {")
	w.line()
	w.indent++
	for _, m := range d.Members {
		w.decl(m)
	}
	w.indent--
	w.s("}")
	for i, v := range d.Vars {
		if i > 0 {
			w.s(",")
		}
		var in printer
		in.declare(v.Type, v.Name)
		if n, ok := innermost(v.Type).(*NamedType); ok { // the struct itself is written above
			var base printer
			base.named(n)
			w.s(" ", strings.TrimPrefix(in.b.String(), base.b.String()+" "))
		}
		w.init(v)
	}
	w.s(";")
	w.line()
}

func innermost(t TypeExpr) TypeExpr {
	for {
		switch b := t.(type) {
		case *PointerType:
			t = b.Elem
		case *RefType:
			t = b.Elem
		case *ArrayType:
			t = b.Elem
		default:
			return t
		}
	}
}

// ---- Statements

func (w *printer) block(b *Block) {
	w.s("{")
	w.line()
	w.indent++
	for _, s := range b.Stmts {
		w.stmt(s)
	}
	w.indent--
	w.s("}")
}

// under writes the statement of an if or loop.
func (w *printer) under(s Stmt) {
	if b, ok := s.(*Block); ok {
		w.s(" ")
		w.block(b)
		w.line()
		return
	}
	w.line()
	w.indent++
	w.stmt(s)
	w.indent--
}

func (w *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *Block:
		w.block(s)
		w.line()
	case *DeclStmt:
		for _, d := range s.Decls {
			w.decl(d)
		}
	case *ExprStmt:
		w.expr(s.X)
		w.s(";")
		w.line()
	case *EmptyStmt:
		w.s(";")
		w.line()
	case *If:
		w.ifStmt(s)
	case *For:
		w.s("for (")
		w.forInit(s.Init)
		w.s("; ")
		if s.Cond != nil {
			w.expr(s.Cond)
		}
		w.s("; ")
		if s.Post != nil {
			w.expr(s.Post)
		}
		w.s(")")
		w.under(s.Body)
	case *While:
		w.s("while (")
		w.expr(s.Cond)
		w.s(")")
		w.under(s.Body)
	case *Do:
		w.s("do")
		w.under(s.Body)
		w.s("while (")
		w.expr(s.Cond)
		w.s(");")
		w.line()
	case *Switch:
		w.s("switch (")
		w.expr(s.X)
		w.s(") {")
		w.line()
		for _, c := range s.Cases {
			if c.X != nil {
				w.s("case ")
				w.expr(c.X)
				w.s(":")
			} else {
				w.s("default:")
			}
			w.line()
			w.indent++
			for _, s := range c.Stmts {
				w.stmt(s)
			}
			w.indent--
		}
		w.s("}")
		w.line()
	case *Jump:
		if s.Continue {
			w.s("continue;")
		} else {
			w.s("break;")
		}
		w.line()
	case *Return:
		w.s("return")
		if s.X != nil {
			w.s(" ")
			w.expr(s.X)
		}
		w.s(";")
		w.line()
	case *StaticAssert:
		w.decl(s)
	}
}

// ifStmt writes a chain of else if without recursion.
func (w *printer) ifStmt(s *If) {
	for {
		w.s("if ")
		if s.Constexpr {
			w.s("constexpr ")
		}
		w.s("(")
		if s.Init != nil {
			w.forInit(s.Init)
			w.s("; ")
		}
		if s.Var != nil {
			w.varDecl(s.Var)
		} else if s.Cond != nil {
			w.expr(s.Cond)
		}
		w.s(")")
		then := s.Then
		if i, ok := then.(*If); ok && s.Else != nil && !complete(i) {
			then = &Block{Stmts: []Stmt{i}}
		}
		w.under(then)
		if s.Else == nil {
			return
		}
		w.s("else")
		next, ok := s.Else.(*If)
		if !ok {
			w.under(s.Else)
			return
		}
		w.s(" ")
		s = next
	}
}

// complete reports whether an else after the statement would not be its own.
func complete(s *If) bool {
	for s.Else != nil {
		next, ok := s.Else.(*If)
		if !ok {
			return true
		}
		s = next
	}
	return false
}

// forInit writes the first part of a for, without its semicolon.
func (w *printer) forInit(s Stmt) {
	switch s := s.(type) {
	case *ExprStmt:
		w.expr(s.X)
	case *DeclStmt:
		for i, d := range s.Decls {
			v, ok := d.(*VarDecl)
			if !ok {
				var in printer
				in.decl(d)
				w.s(strings.TrimSuffix(in.b.String(), ";\n"))
				continue
			}
			if i == 0 {
				w.varDecl(v)
				continue
			}
			var in, base printer
			in.varDecl(v)
			if v.Static {
				base.s("static ")
			}
			if v.Constexpr {
				base.s("constexpr ")
			}
			base.named(innermost(v.Type).(*NamedType))
			w.s(", ", strings.TrimPrefix(in.b.String(), base.b.String()+" "))
		}
	}
}

// ---- Expressions

func (w *printer) list(open string, args []Expr, end string) {
	w.s(open)
	for i, a := range args {
		if i > 0 {
			w.s(", ")
		}
		w.expr(a)
	}
	w.s(end)
}

func (w *printer) expr(x Expr) {
	switch x := x.(type) {
	case *IntLit:
		w.int(x)
	case *FloatLit:
		suffix := ""
		switch x.Suffix {
		case 'b':
			suffix = "bf"
		case 0:
		default:
			suffix = string(x.Suffix)
		}
		w.s(x.Text, suffix)
	case *BoolLit:
		w.s(strconv.FormatBool(x.Value))
	case *StringLit:
		w.s(quote(x.Value, '"'))
	case *NullLit:
		w.s("nullptr")
	case *This:
		w.s("this")
	case *Ident:
		for _, q := range x.Path {
			w.s(q, "::")
		}
		w.s(x.Name)
		if x.HasArgs {
			w.args(x.Args)
		}
	case *TypeMember:
		w.declare(x.Type, "")
		w.s("::")
		if x.HasArgs {
			w.s("template ")
		}
		w.s(x.Name)
		if x.HasArgs {
			w.args(x.Args)
		}
	case *Paren:
		w.s("(")
		w.expr(x.X)
		w.s(")")
	case *Unary:
		w.s(x.Op)
		if in, ok := x.X.(*Unary); ok && in.Op[0] == x.Op[len(x.Op)-1] {
			w.s(" ")
		}
		w.expr(x.X)
	case *Postfix:
		w.expr(x.X)
		w.s(x.Op)
	case *Binary:
		w.binary(x)
	case *Assign:
		w.expr(x.X)
		w.s(" ", x.Op, " ")
		w.expr(x.Y)
	case *Cond:
		w.expr(x.C)
		w.s(" ? ")
		w.expr(x.X)
		w.s(" : ")
		w.expr(x.Y)
	case *Call:
		w.expr(x.Fn)
		w.list("(", x.Args, ")")
	case *Construct:
		w.construct(x)
	case *Member:
		w.expr(x.X)
		op := "."
		if x.Arrow {
			op = "->"
		}
		w.s(op)
		if x.HasArgs {
			w.s("template ")
		}
		w.s(x.Name)
		if x.HasArgs {
			w.args(x.Args)
		}
	case *Index:
		w.expr(x.X)
		w.s("[")
		if _, ok := x.I.(*Lambda); ok {
			w.s(" ")
		}
		w.expr(x.I)
		w.s("]")
	case *Cast:
		if x.Kind == "" {
			w.s("(")
			w.declare(x.Type, "")
			w.s(")")
			w.expr(x.X)
			return
		}
		w.s(x.Kind, "<")
		w.declare(x.Type, "")
		w.s(">(")
		w.expr(x.X)
		w.s(")")
	case *InitList:
		w.list("{", x.Elems, "}")
	case *Sizeof:
		word := "sizeof"
		if x.Align {
			word = "alignof"
		}
		w.s(word)
		if x.Type != nil {
			w.s("(")
			w.declare(x.Type, "")
			w.s(")")
		} else {
			w.s(" ")
			w.expr(x.X)
		}
	case *Lambda:
		w.lambda(x)
	}
}

// binary writes a chain of operators without recursion on its left.
func (w *printer) binary(x *Binary) {
	var chain []*Binary
	for {
		chain = append(chain, x)
		left, ok := x.X.(*Binary)
		if !ok {
			break
		}
		x = left
	}
	w.expr(x.X)
	for i := len(chain) - 1; i >= 0; i-- {
		if chain[i].Op == "," {
			w.s(", ")
		} else {
			w.s(" ", chain[i].Op, " ")
		}
		w.expr(chain[i].Y)
	}
}

func (w *printer) construct(x *Construct) {
	t := x.Type
	plain := false
	if n, ok := t.(*NamedType); ok && !n.Const && !n.Volatile && n.Space == NoSpace {
		plain = true
	}
	if plain {
		w.declare(t, "")
	} else {
		w.s("(")
		w.declare(t, "")
		w.s(")")
	}
	if x.Brace {
		w.list("{", x.Args, "}")
	} else {
		w.list("(", x.Args, ")")
	}
}

func (w *printer) lambda(x *Lambda) {
	var caps []string
	if x.ByRef {
		caps = append(caps, "&")
	}
	if x.ByCopy {
		caps = append(caps, "=")
	}
	w.s("[", strings.Join(append(caps, x.Names...), ", "), "]")
	w.params(x.Params)
	if x.Ret != nil {
		w.s(" -> ")
		w.declare(x.Ret, "")
	}
	if x.Body != nil {
		w.s(" ")
		w.block(x.Body)
	}
}

func (w *printer) int(x *IntLit) {
	if x.Char {
		w.s(quote(string([]byte{byte(x.Value)}), '\''))
		return
	}
	if x.Decimal {
		w.s(strconv.FormatUint(x.Value, 10))
	} else {
		w.s("0x", strconv.FormatUint(x.Value, 16))
	}
	if x.Unsigned {
		w.s("u")
	}
	if x.Long {
		w.s("l")
	}
}

// quote writes a literal with escapes that C and unquote read.
func quote(s string, q byte) string {
	var b strings.Builder
	b.WriteByte(q)
	for i := range len(s) {
		switch c := s[i]; {
		case c == q || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			b.WriteByte('\\')
			b.WriteByte('0' + c>>6)
			b.WriteByte('0' + c>>3&7)
			b.WriteByte('0' + c&7)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(q)
	return b.String()
}
