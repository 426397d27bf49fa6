package lower_test

// This file implements a test over a collection of kernels in circulation,
// where ZMLX_KERNELS names one: each that passes the checker has to lower to
// ir that verifies.

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/lower"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

type collected struct {
	ID          string
	Source      string
	Header      string
	Template    [][2]json.RawMessage
	InputNames  []string `json:"input_names"`
	OutputNames []string `json:"output_names"`
	Atomic      bool     `json:"atomic_outputs"`
	Inputs      map[string]struct {
		DType string
		Shape []int
	}
	OutputDTypes []string `json:"output_dtypes"`
}

func (k *collected) signature() (*signature.Signature, error) {
	var inputs []signature.Input
	for _, n := range k.InputNames {
		d, err := dtype.Parse(k.Inputs[n].DType)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, signature.Input{DType: d, Shape: k.Inputs[n].Shape})
	}
	var outputs []dtype.DType
	for _, s := range k.OutputDTypes {
		d, err := dtype.Parse(s)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, d)
	}
	var args []signature.TemplateArg
	for _, p := range k.Template {
		var a signature.TemplateArg
		var name string
		if err := json.Unmarshal(p[0], &a.Name); err != nil {
			return nil, err
		}
		switch {
		case json.Unmarshal(p[1], &a.Bool) == nil:
			a.Kind = signature.BoolArg
		case json.Unmarshal(p[1], &a.Int) == nil:
			a.Kind = signature.IntArg
		default:
			if err := json.Unmarshal(p[1], &name); err != nil {
				return nil, err
			}
			d, err := dtype.Parse(name)
			if err != nil {
				return nil, err
			}
			a.DType = d
		}
		args = append(args, a)
	}
	return signature.Build(signature.Kernel{
		Name: "test", InputNames: k.InputNames, OutputNames: k.OutputNames, Source: k.Source, Header: k.Header, AtomicOutputs: k.Atomic,
	}, inputs, outputs, args)
}

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
	all, checked, lowered, instrs := 0, 0, 0, 0
	var total, slowest time.Duration
	var slow string
	for sc.Scan() {
		var k collected
		if err := json.Unmarshal(sc.Bytes(), &k); err != nil {
			t.Fatal(err)
		}
		all++
		sig, err := k.signature()
		if err != nil {
			continue
		}
		set := &source.Set{}
		errs := &source.List{Set: set}
		prog := checkSource(set, k.Header, k.Source, sig, errs)
		if errs.Errors() > 0 {
			continue
		}
		checked++
		start := time.Now()
		fn, err := lower.Lower(prog)
		took := time.Since(start)
		total += took
		if took > slowest {
			slowest, slow = took, k.ID
		}
		if err != nil {
			t.Errorf("%s:\n%v", k.ID, err)
			continue
		}
		if err := ir.Verify(fn); err != nil {
			t.Errorf("%s:\n%v", k.ID, err)
			continue
		}
		lowered++
		instrs += ir.Measure(fn).Instrs
	}
	t.Logf("%d of the %d that pass the checker, of %d; %d instructions in %v; the slowest took %v: %s", lowered, checked, all, instrs, total, slowest, slow)
}
