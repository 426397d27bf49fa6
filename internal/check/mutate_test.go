package check_test

// This file implements a test with kernels made of the tokens of others: most
// parse, and so reach the checker, which arbitrary bytes seldom do.

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var mutations = flag.Int("mutations", 3000, "how many mutated kernels to check")

var tokenPattern = regexp.MustCompile(`[A-Za-z_]\w*|[0-9][\w.]*|<<=?|>>=?|[-+*/%&|^=!<>]=|&&|\|\||::|->|\+\+|--|\n|\S`)

func TestMutations(t *testing.T) {
	var headers, bodies []string
	faults := 0 // how many of them are faulty from the start: the first
	for _, pattern := range []string{"testdata/*.metal", "testdata/ok/*.metal"} {
		files, _ := filepath.Glob(pattern)
		faults = len(headers)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			h, b := split(string(text))
			headers, bodies = append(headers, h), append(bodies, b)
		}
	}
	comment := regexp.MustCompile(`/\*[^*]*\*/`)
	var pool []string
	texts := make([][]string, 0, len(headers)+len(bodies))
	for _, s := range append(headers, bodies...) {
		toks := tokenPattern.FindAllString(comment.ReplaceAllString(s, ""), -1)
		texts = append(texts, toks)
		pool = append(pool, toks...)
	}
	rng := rand.New(rand.NewPCG(1, uint64(*mutations)))
	mutate := func(toks []string) string {
		toks = append([]string(nil), toks...)
		for range 1 + rng.IntN(3) {
			if len(toks) == 0 {
				break
			}
			i := rng.IntN(len(toks))
			switch rng.IntN(4) {
			case 0:
				toks[i] = pool[rng.IntN(len(pool))]
			case 1:
				toks = append(toks[:i], toks[i+1:]...)
			case 2:
				toks[i] = toks[rng.IntN(len(toks))]
			case 3:
				j := min(i+1+rng.IntN(6), len(toks))
				toks = append(toks[:j:j], toks[i:]...)
			}
		}
		return strings.Join(toks, " ")
	}
	accepted := 0
	for range *mutations {
		i := rng.IntN(len(headers))
		if rng.IntN(4) > 0 {
			i = faults + rng.IntN(len(headers)-faults)
		}
		j := i
		if rng.IntN(8) == 0 {
			j = rng.IntN(len(bodies))
		}
		header, body := texts[i], texts[len(headers)+j]
		h, b := strings.Join(header, " "), mutate(body)
		if len(header) > 0 && rng.IntN(2) == 0 {
			h = mutate(header)
		}
		h = regexp.MustCompile(`(?m)^ *# (include|define|if|else|error|endif)`).ReplaceAllString(h, "#$1")
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("%v\n-- header --\n%s\n-- body --\n%s", r, h, b)
				}
			}()
			prog, errs := checkText(t, "", h, b)
			if prog != nil {
				accepted++
			}
			if (prog == nil) != (errs.Errors() > 0) {
				t.Errorf("program %v with %d errors\n-- header --\n%s\n-- body --\n%s", prog != nil, errs.Errors(), h, b)
			}
		}()
		if t.Failed() {
			return
		}
	}
	if accepted == 0 {
		t.Error("no mutated kernel was accepted: the mutations are too wild to test anything")
	}
	t.Logf("%d of %d accepted", accepted, *mutations)
}
