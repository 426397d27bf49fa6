// This file implements comparing a report with those of others that did the
// same work.

package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// A Comparison sets ours against others, case by case.
type Comparison struct {
	Impls []string // the others, in the order in which they appear
	Rows  []ComparisonRow
}

// A ComparisonRow is one case.
type ComparisonRow struct {
	Ours   Result
	Theirs map[string]Result // by implementation; those that did this case
	Best   string            // the fastest of the others' reports, or of our own C++ if there are none; "" if none did it
	Ratio  float64           // Best's time over ours: above 1 if ours is faster
}

// Compare sets the report's own results against all others for the same work,
// in the report itself and in others.
func (r *Report) Compare(others ...*Report) Comparison {
	var c Comparison
	theirs := map[string]map[string]Result{}
	for _, o := range append([]*Report{r}, others...) {
		for _, x := range o.Results {
			if x.Op == "memcpy" || x.Error != "" || x.Seconds <= 0 || x.Impl == "zmlx" {
				continue
			}
			if theirs[x.Key()] == nil {
				theirs[x.Key()] = map[string]Result{}
			}
			theirs[x.Key()][x.Impl] = x
			if !slices.Contains(c.Impls, x.Impl) {
				c.Impls = append(c.Impls, x.Impl)
			}
		}
	}
	for _, x := range r.Results {
		if x.Impl != "zmlx" || x.Error != "" || len(theirs[x.Key()]) == 0 {
			continue
		}
		row := ComparisonRow{Ours: x, Theirs: theirs[x.Key()]}
		for _, impl := range c.Impls {
			t, ok := row.Theirs[impl]
			if impl == "cpp" && len(others) > 0 {
				continue // it is no peer that users have
			}
			if ratio := t.Seconds / x.Seconds; ok && (row.Best == "" || ratio < row.Ratio) {
				row.Best, row.Ratio = impl, ratio
			}
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

// Mean returns the geometric mean of the ratios to the best of the others, and
// to one of them. NaN means that nothing was compared.
func (c Comparison) Mean() float64 {
	var ratios []float64
	for _, r := range c.Rows {
		if r.Best != "" {
			ratios = append(ratios, r.Ratio)
		}
	}
	return geometricMean(ratios)
}

// compared returns how many cases another did.
func (c Comparison) compared() int {
	n := 0
	for _, r := range c.Rows {
		if r.Best != "" {
			n++
		}
	}
	return n
}

// MeanOf is Mean against one implementation.
func (c Comparison) MeanOf(impl string) float64 {
	var ratios []float64
	for _, r := range c.Rows {
		if t, ok := r.Theirs[impl]; ok {
			ratios = append(ratios, t.Seconds/r.Ours.Seconds)
		}
	}
	return geometricMean(ratios)
}

// Lost lists the cases where another was faster.
func (c Comparison) Lost() []ComparisonRow {
	var lost []ComparisonRow
	for _, r := range c.Rows {
		if r.Best != "" && r.Ratio < 1 {
			lost = append(lost, r)
		}
	}
	return lost
}

// WriteTable writes the comparison for people.
func (c Comparison) WriteTable(w io.Writer) error {
	if len(c.Rows) == 0 {
		_, err := fmt.Fprintln(w, "no work that others did, too")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "op\tshape\tdtype\tzmlx\t")
	for _, impl := range c.Impls {
		fmt.Fprintf(t, "%s\t", impl)
	}
	fmt.Fprintln(t, "best other\tratio\t")
	for _, r := range c.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t", r.Ours.Op, shapeName(r.Ours.Shape), r.Ours.DType, seconds(r.Ours.Seconds))
		for _, impl := range c.Impls {
			text := ""
			if x, ok := r.Theirs[impl]; ok {
				text = seconds(x.Seconds)
			}
			fmt.Fprintf(t, "%s\t", text)
		}
		if r.Best == "" {
			fmt.Fprintln(t, "\t\t")
			continue
		}
		fmt.Fprintf(t, "%s\t%.2f\t\n", r.Best, r.Ratio)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if c.compared() == 0 {
		fmt.Fprintln(w, "\nthe two reports have no case in common")
		return nil
	}
	fmt.Fprintf(w, "\nratio: time of the other over ours, above 1 where ours is faster\n")
	fmt.Fprintf(w, "geometric mean against the best other: %.2f of %d, slower on %d\n", c.Mean(), c.compared(), len(c.Lost()))
	for _, impl := range c.Impls {
		if m := c.MeanOf(impl); !math.IsNaN(m) {
			if _, err := fmt.Fprintf(w, "against %s: %.2f\n", impl, m); err != nil {
				return err
			}
		}
	}
	return nil
}
