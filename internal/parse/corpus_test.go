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
		cfg := Config{Values: append([]string(nil), attributes...), Prelude: prelude}
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
		tr, errs := parseText(k.Header, k.Source, cfg)
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
