// This file implements reports: what was measured, as JSON and as a table.

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

const reportVersion = 1

// A Report is what one run of [Run], or of a peer's script, measured.
// docs/benchmarks.md describes its form as JSON.
type Report struct {
	Version  int        `json:"version"`
	Machine  string     `json:"machine"`       // kind and number of processors
	Device   string     `json:"device"`        // what the work ran on
	Time     time.Time  `json:"time"`          // when it was measured
	CPP      string     `json:"cpp,omitempty"` // compiler of the C++ versions
	CopyGBps float64    `json:"copy_gbps"`     // best bandwidth of a plain copy, 10⁹ bytes a second
	Results  []Result   `json:"results"`
	Host     []HostCost `json:"host,omitempty"`
}

// A Result is the speed of one implementation of one case.
type Result struct {
	Op          string  `json:"op"`
	Shape       []int   `json:"shape"` // of the first input
	DType       string  `json:"dtype"`
	Impl        string  `json:"impl"`  // "zmlx", "cpp", or a peer
	Bytes       int64   `json:"bytes"` // that must move: inputs read once, outputs written once
	Rounds      int     `json:"rounds"`
	Seconds     float64 `json:"seconds"` // median of one run, on the device
	Q1          float64 `json:"q1"`      // quartiles of it
	Q3          float64 `json:"q3"`
	Least       float64 `json:"least"`                  // the fastest round
	HostSeconds float64 `json:"host_seconds,omitempty"` // median of what the host did for it, apart from kernels
	GBps        float64 `json:"gbps"`                   // 10⁹ bytes a second
	CopyPercent float64 `json:"copy_percent"`           // of the copy in the same rounds
	Error       string  `json:"error,omitempty"`        // why it was not timed

	// Samples are the seconds of every round.
	Samples []float64 `json:"samples,omitempty"`
}

// A HostCost is what one call of a tiny op costs the host.
type HostCost struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Q1      float64 `json:"q1"`
	Q3      float64 `json:"q3"`
}

// result returns the Result of a case without times.
func (c Case) result(impl string, err error) Result {
	r := Result{Op: c.Op, Shape: c.Shape, DType: c.DType.String(), Impl: impl}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// Key says which work it was: results with the same key can be compared.
func (r Result) Key() string { return r.Op + "/" + shapeName(r.Shape) + "/" + r.DType }

// Fastest returns the report with the fastest rounds in the place of medians:
// what to look at where a machine has other work to do.
func (r *Report) Fastest() *Report {
	c := *r
	c.Results = slices.Clone(r.Results)
	copied := 0.0
	for i := range c.Results {
		x := &c.Results[i]
		if x.Least > 0 {
			x.GBps *= x.Seconds / x.Least
			x.Seconds = x.Least
		}
		if x.Op == "memcpy" {
			copied = max(copied, x.GBps)
		}
	}
	c.CopyGBps = copied
	for i := range c.Results {
		c.Results[i].CopyPercent = 0
		if copied > 0 {
			c.Results[i].CopyPercent = 100 * c.Results[i].GBps / copied
		}
	}
	return &c
}

// copyBandwidth returns the best copy of all rounds.
func copyBandwidth(results []Result) float64 {
	best := 0.0
	for _, r := range results {
		if r.Op == "memcpy" {
			best = max(best, r.GBps)
		}
	}
	return best
}

// Read reads a report from a file, of ours or of a peer's script.
func Read(path string) (*Report, error) {
	p, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(p, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Version != reportVersion {
		return nil, fmt.Errorf("%s: version %d of the form, and this program knows %d", path, r.Version, reportVersion)
	}
	return &r, nil
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s\n%s\n", r.Device, r.Machine)
	fmt.Fprintf(w, "copy bandwidth %.1f GB/s; ± is half the distance of the quartiles\n\n", r.CopyGBps)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "op\tshape\tdtype\tby\ttime\t±\tGB/s\t% of copy\thost µs\t")
	for _, x := range r.Results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t", x.Op, shapeName(x.Shape), x.DType, x.Impl)
		if x.Error != "" {
			fmt.Fprintln(t, "failed\t\t\t\t\t")
			continue
		}
		host := ""
		if x.Impl == "zmlx" {
			host = fmt.Sprintf("%.1f", x.HostSeconds*1e6)
		}
		fmt.Fprintf(t, "%s\t%.1f%%\t%.2f\t%.0f\t%s\t\n", seconds(x.Seconds), x.spread(), x.GBps, x.CopyPercent, host)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, x := range r.Results {
		if x.Error != "" {
			fmt.Fprintf(w, "\n%s by %s failed: %s\n", x.Key(), x.Impl, x.Error)
		}
	}
	if len(r.Host) > 0 {
		fmt.Fprintln(w, "\none call, host time:")
		for _, h := range r.Host {
			fmt.Fprintf(w, "  %s: %.0f ns\n", h.Name, h.Seconds*1e9)
		}
	}
	return r.writeCPPSummary(w)
}

// spread returns half the distance of the quartiles in percent of the median.
func (r Result) spread() float64 {
	if r.Seconds == 0 {
		return 0
	}
	return 50 * (r.Q3 - r.Q1) / r.Seconds
}

// writeCPPSummary compares ours with the C++ versions of the same run.
func (r *Report) writeCPPSummary(w io.Writer) error {
	theirs := map[string]Result{}
	for _, x := range r.Results {
		if x.Impl == "cpp" && x.Op != "memcpy" && x.Error == "" {
			theirs[x.Key()] = x
		}
	}
	if len(theirs) == 0 {
		return nil
	}
	var ratios []float64
	worst, at := math.Inf(1), ""
	for _, x := range r.Results {
		cpp, ok := theirs[x.Key()]
		if !ok || x.Impl != "zmlx" || x.Error != "" {
			continue
		}
		ratio := cpp.Seconds / x.Seconds
		ratios = append(ratios, ratio)
		if ratio < worst {
			worst, at = ratio, x.Key()
		}
	}
	_, err := fmt.Fprintf(w, "\nspeed against C++ (%s): %.2f in the geometric mean of %d, worst %.2f (%s)\n",
		r.CPP, geometricMean(ratios), len(ratios), worst, at)
	return err
}

// geometricMean returns NaN of nothing.
func geometricMean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}

// seconds writes a time with three digits.
func seconds(s float64) string {
	switch {
	case s >= 1:
		return fmt.Sprintf("%.3g s", s)
	case s >= 1e-3:
		return fmt.Sprintf("%.3g ms", s*1e3)
	case s >= 1e-6:
		return fmt.Sprintf("%.3g µs", s*1e6)
	}
	return fmt.Sprintf("%.3g ns", s*1e9)
}
