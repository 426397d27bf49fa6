// This file implements what a call costs the host: a tiny op that is compiled
// already, from the call to its result, or to its launch where devices work
// while the host goes on.

package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zmlx-go/zmlx"
)

// hostCosts times calls of tiny ops through the public API.
func (m *machine) hostCosts(ctx context.Context) ([]HostCost, error) {
	x := data(0, zmlx.Float32, 8)
	w := data(1, zmlx.Float32, 8)
	if err := zmlx.Eval(ctx, x, w); err != nil {
		return nil, err
	}
	defer freeAll([]*zmlx.Array{x, w})
	mish := zmlx.MustDefine(`mish(x) = x * tanh(log(1 + exp(x)))`)
	norm := zmlx.MustDefine(`rmsnorm(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w`)
	kernel := zmlx.MustCompile(zmlx.Kernel{
		Name: "double", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: `out[thread_position_in_grid.x] = 2 * x[thread_position_in_grid.x];`,
	})
	calls := []struct {
		name string
		f    func() []*zmlx.Array
	}{
		{"definition mish, 8 elements", func() []*zmlx.Array { return mish.Results(x) }},
		{"definition rmsnorm, 8 elements", func() []*zmlx.Array { return norm.Results(x, w) }},
		{"kernel, 8 elements", func() []*zmlx.Array { return kernel.Call(zmlx.Launch{}, x) }},
		{"a + b, 8 elements", func() []*zmlx.Array { return []*zmlx.Array{x.Add(w)} }},
	}
	each := 2000
	if m.cfg.Size == Tiny {
		each = 10
	}
	var costs []HostCost
	for _, c := range calls {
		var values []float64
		for round := range m.cfg.Rounds + 1 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var cost time.Duration
			run := func() error {
				start := time.Now()
				for range each {
					out := c.f()
					if err := zmlx.Eval(ctx, out...); err != nil {
						return err
					}
					freeAll(out)
				}
				cost = time.Since(start)
				return nil
			}
			if err := errors.Join(run(), m.wait()); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 { // the first one compiles
				values = append(values, cost.Seconds()/float64(each))
			}
		}
		h := HostCost{Name: c.name}
		h.Q1, h.Seconds, h.Q3 = quartiles(values)
		costs = append(costs, h)
	}
	return costs, nil
}
