package kernelfuzz

// This file implements trees of kernel text. A kernel is made as a tree so
// that it can be made smaller: statements and expressions can be taken out.

import "strings"

// A node is a piece of text with others in it.
type node struct {
	kind kind
	typ  string // of an expression
	text string // a $ stands for each kid
	kids []*node
}

type kind uint8

const (
	expression kind = iota
	statement
	block // kids are statements
)

// A tree is the text of a whole kernel.
type tree struct{ header, body *node }

func expr(typ, text string, kids ...*node) *node { return &node{expression, typ, text, kids} }
func stmt(text string, kids ...*node) *node      { return &node{statement, "", text, kids} }

func (n *node) write(b *strings.Builder, indent int) {
	if n.kind == block {
		for _, k := range n.kids {
			for range indent {
				b.WriteString("  ")
			}
			k.write(b, indent)
			b.WriteByte('\n')
		}
		return
	}
	next := 0
	for i := range len(n.text) {
		if n.text[i] != '$' {
			b.WriteByte(n.text[i])
			continue
		}
		k := n.kids[next]
		next++
		if k.kind != block {
			k.write(b, indent)
			continue
		}
		b.WriteString("{\n")
		k.write(b, indent+1)
		for range indent {
			b.WriteString("  ")
		}
		b.WriteByte('}')
	}
}

func (n *node) String() string {
	var b strings.Builder
	n.write(&b, 0)
	return b.String()
}

// text returns header and body.
func (t *tree) text() (header, body string) { return t.header.String(), t.body.String() }
