package c99

// This file implements the choice of the C functions that a kernel uses out of
// the text that every kernel could use.

import (
	_ "embed"
	"regexp"
	"strings"
)

var (
	//go:embed math.inc
	floatText string
	//go:embed math_half.inc
	halfText string
	//go:embed math_double.inc
	doubleText string
	//go:embed math_integer.inc
	integerText string
	//go:embed math_wide.inc
	wideText string
)

// A part is one paragraph of the text: the names that it defines, and the
// parts, by their index, that it needs. A conditional or a function has no
// blank line in it, so it is in one part with the comment above it.
type part struct {
	text  string
	names []string
	needs []int
}

var (
	mathHead, mathParts = splitMath(floatText + halfText + doubleText + integerText + wideText)
	mathIndex           = indexMath(mathParts)
)

var (
	definition = regexp.MustCompile(`(?m)^(?:static inline [^=;{]*?\b|#define |typedef \w+ )((?i:zm)_\w+)`)
	mention    = regexp.MustCompile(`\b(?:zm|ZM)_\w+`)
)

// splitMath cuts the text into what every kernel has, up to the first
// paragraph with a definition, and the parts.
func splitMath(text string) (head string, parts []part) {
	defined := map[string]int{}
	for _, paragraph := range strings.SplitAfter(text, "\n\n") {
		var names []string
		for _, m := range definition.FindAllStringSubmatch(paragraph, -1) {
			names = append(names, m[1])
		}
		if len(names) == 0 && len(parts) == 0 {
			head += paragraph
			continue
		}
		p := part{text: paragraph, names: names}
		seen := map[int]bool{}
		for _, name := range mention.FindAllString(paragraph, -1) {
			if i, ok := defined[name]; ok && !seen[i] {
				seen[i] = true
				p.needs = append(p.needs, i)
			}
		}
		for _, name := range names {
			defined[name] = len(parts)
		}
		parts = append(parts, p)
	}
	return head, parts
}

func indexMath(parts []part) map[string]int {
	index := map[string]int{}
	for i, p := range parts {
		for _, name := range p.names {
			index[name] = i
		}
	}
	return index
}

// Functions returns the C text of the functions named, such as zm_exp, and of
// all that they need, each below what it calls, under the includes. Names that
// it does not know, such as those of C's own library, need no text.
func Functions(used map[string]bool) string {
	want := make([]bool, len(mathParts))
	for name, yes := range used {
		if i, ok := mathIndex[name]; ok && yes {
			want[i] = true
		}
	}
	for i := len(want) - 1; i >= 0; i-- { // what a part needs is above it
		if want[i] {
			for _, j := range mathParts[i].needs {
				want[j] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString(mathHead)
	for i, p := range mathParts {
		if want[i] {
			b.WriteString(p.text)
		}
	}
	return b.String()
}
