package parse

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCorpus(t *testing.T) {
	path := os.Getenv("ZMLX_KERNELS")
	if path == "" {
		t.Skip("ZMLX_KERNELS does not name a file of kernels, one JSON object a line")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<26)
	n, good := 0, 0
	prelude := []Decl{&StructDecl{Name: "Limits", Template: &TemplateHead{}}, &StructDecl{Name: "complex64_t"}}
	var total time.Duration
	lines := 0
	for sc.Scan() {
		var k struct {
			ID          string
			Source      string
			Header      string
			Template    []json.RawMessage
			InputNames  []string `json:"input_names"`
			OutputNames []string `json:"output_names"`
		}
		if err := json.Unmarshal(sc.Bytes(), &k); err != nil {
			t.Fatal(err)
		}
		cfg := Config{Values: append([]string(nil), attrs...), Prelude: prelude}
		for _, raw := range k.Template {
			var pair []any
			json.Unmarshal(raw, &pair)
			if len(pair) != 2 {
				continue
			}
			name, _ := pair[0].(string)
			if _, ok := pair[1].(string); ok {
				cfg.Types = append(cfg.Types, name)
			} else {
				cfg.Values = append(cfg.Values, name)
			}
		}
		for _, in := range k.InputNames {
			cfg.Values = append(cfg.Values, in, in+"_shape", in+"_strides", in+"_ndim")
		}
		cfg.Values = append(cfg.Values, k.OutputNames...)
		n++
		lines += strings.Count(k.Source, "\n") + strings.Count(k.Header, "\n")
		start := time.Now()
		tr, errs := parseBody(k.Header, k.Source, cfg)
		total += time.Since(start)
		if errs.Err() != nil {
			s := errs.Error()
			if len(s) > 1500 {
				s = s[:1500]
			}
			t.Errorf("%s (%s):\n%s", k.ID, k.Template, s)
			continue
		}
		good++
		roundTrip(t, tr, cfg)
	}
	t.Logf("%d of %d kernels parse; %d lines in %v", good, n, lines, total)
}

// roundTrip checks that a tree's text parses to a tree with the same text.
func roundTrip(t *testing.T, tr *Tree, cfg Config) {
	t.Helper()
	cfg.Defines = nil
	header, body := PrintDecls(tr.Decls), PrintStmts(tr.Body.Stmts)
	again, errs := parseBody(header, body, cfg)
	if errs.Errors() > 0 {
		t.Errorf("printed text does not parse:\n%s\nheader:\n%s\nbody:\n%s", errs.Error(), header, body)
		return
	}
	if h := PrintDecls(again.Decls); h != header {
		t.Errorf("header printed again differs:\n%s\n--- first:\n%s", h, header)
	}
	if b := PrintStmts(again.Body.Stmts); b != body {
		t.Errorf("body printed again differs:\n%s\n--- first:\n%s", b, body)
	}
}
