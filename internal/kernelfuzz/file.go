package kernelfuzz

// This file implements reading cases from text, as Case.String writes them.

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// Parse reads a case from its text.
func Parse(text string) (Case, error) {
	var c Case
	head, rest, ok := strings.Cut(text, headerMark)
	if !ok {
		return c, fmt.Errorf("a case has no line %q", strings.TrimSpace(headerMark))
	}
	if c.Header, c.Body, ok = strings.Cut(rest, bodyMark); !ok {
		return c, fmt.Errorf("a case has no line %q", strings.TrimSpace(bodyMark))
	}
	for _, line := range strings.Split(head, "\n") {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(line, "#") {
			if err := c.field(words); err != nil {
				return c, fmt.Errorf("line %q of a case: %w", line, err)
			}
		}
	}
	if len(c.Launches) == 0 || len(c.Outputs) == 0 {
		return c, fmt.Errorf("a case has at least one launch and one output")
	}
	return c, nil
}

// field reads one line: words and their values in turn.
func (c *Case) field(words []string) error {
	want := map[string]int{"name": 2, "mode": 2, "launch": 5, "input": 9, "output": 13, "template": 4}[words[0]]
	if len(words) != want {
		return fmt.Errorf("%d words do not make a field %s", len(words), words[0])
	}
	p := &fieldParser{words: words}
	switch words[0] {
	case "name":
		c.Name = words[1]
	case "mode":
		if words[1] == Math.String() {
			c.Mode = Math
		}
	case "launch":
		var l Launch
		p.triple(2, &l.Grid)
		p.triple(4, &l.Group)
		c.Launches = append(c.Launches, l)
	case "input":
		c.Inputs = append(c.Inputs, Input{Name: words[1], DType: p.dtype(2), Shape: p.dims(4), Seed: p.seed(6), Skip: p.int(8)})
	case "output":
		o := Output{Name: words[1], DType: p.dtype(2), Fixed: p.int(4), Each: p.int(6), Seed: p.seed(8), Zero: words[10] == "true"}
		if v, err := strconv.ParseFloat(words[12], 64); err == nil {
			o.Within = v
		} else {
			p.err = err
		}
		c.Outputs = append(c.Outputs, o)
	case "template":
		t := signature.TemplateArg{Name: words[2]}
		switch words[1] {
		case "type":
			t.DType = p.dtype(3)
		case "int":
			t.Kind, t.Int = signature.IntArg, int32(p.int(3))
		default:
			t.Kind, t.Bool = signature.BoolArg, words[3] == "1"
		}
		c.Template = append(c.Template, t)
	}
	return p.err
}

// A fieldParser reads words; err is the last thing that was wrong.
type fieldParser struct {
	words []string
	err   error
}

func (p *fieldParser) int(i int) int {
	n, err := strconv.Atoi(p.words[i])
	if err != nil {
		p.err = err
	}
	return n
}

func (p *fieldParser) seed(i int) uint64 {
	n, err := strconv.ParseUint(p.words[i], 10, 64)
	if err != nil {
		p.err = err
	}
	return n
}

func (p *fieldParser) dtype(i int) dtype.DType {
	for _, d := range dtype.All() {
		if d.String() == p.words[i] {
			return d
		}
	}
	p.err = fmt.Errorf("there is no dtype %s", p.words[i])
	return dtype.Invalid
}

func (p *fieldParser) dims(i int) []int {
	if p.words[i] == "-" {
		return nil
	}
	var list []int
	for _, w := range strings.Split(p.words[i], "x") {
		n, err := strconv.Atoi(w)
		if err != nil || n < 1 {
			p.err = fmt.Errorf("%s is no list of sizes", p.words[i])
		}
		list = append(list, n)
	}
	return list
}

func (p *fieldParser) triple(i int, to *[3]int) {
	if list := p.dims(i); len(list) == 3 {
		copy(to[:], list)
	} else {
		p.err = fmt.Errorf("%s are not three sizes", p.words[i])
	}
}
