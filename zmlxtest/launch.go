package zmlxtest

// This file implements the cases of launches: grids, threadgroups and what
// calls may leave out.

import "github.com/zmlx-go/zmlx"

// numbered is the case of a kernel in which every thread writes its place, so
// that a thread that is missing or runs twice shows.
func numbered(name string, grid, group [3]int) Case {
	c := kernel(name, place+"atomic_fetch_add_explicit(&out[i], i + 1, memory_order_relaxed);", nil, table(volume(grid), func(i int) uint32 { return uint32(i + 1) }))
	return c.atomic().initial(0).grid(grid[0], grid[1], grid[2]).group(group[0], group[1], group[2])
}

func launchCases() []Case {
	x := floats(200, 40, -5, 5)
	double := mapped(x, func(x float32) float32 { return 2 * x })
	defaults := func(c Case) Case {
		c.Launch.OutputShapes, c.Launch.OutputDTypes = nil, nil
		return c
	}
	fixed := func(c Case, m int) Case {
		c.Launch.OutputShapes = nil
		if m == 1 {
			c.Launch.OutputDTypes = nil
		}
		return c
	}
	return []Case{
		numbered("launch_one_thread", [3]int{1, 1, 1}, [3]int{1, 1, 1}),
		numbered("launch_whole_groups", [3]int{128, 1, 1}, [3]int{32, 1, 1}),
		numbered("launch_partial_group", [3]int{100, 1, 1}, [3]int{32, 1, 1}),
		numbered("launch_group_larger_than_grid", [3]int{20, 1, 1}, [3]int{256, 1, 1}),
		numbered("launch_group_of_one", [3]int{37, 1, 1}, [3]int{1, 1, 1}),
		numbered("launch_partial_in_two_dimensions", [3]int{17, 9, 1}, [3]int{8, 4, 1}),
		numbered("launch_partial_in_three_dimensions", [3]int{7, 5, 9}, [3]int{4, 4, 4}),
		numbered("launch_group_cut_in_one_dimension", [3]int{5, 70, 1}, [3]int{16, 16, 1}),
		numbered("launch_largest_group", [3]int{2048, 1, 1}, [3]int{1024, 1, 1}),
		numbered("launch_along_z", [3]int{1, 1, 50}, [3]int{1, 1, 16}),
		numbered("launch_many_groups", [3]int{3, 4099, 1}, [3]int{2, 3, 1}),
		defaults(each("launch_defaults", "out[i] = a[i] * 2;", in(dims(x, 5, 8)), dims(double, 5, 8))),
		fixed(each("launch_default_shape", "out[i] = int(a[i]);", in(dims(x, 5, 8)), dims(mapped(x, func(x float32) int32 { return int32(x) }), 5, 8)), 2),
		defaults(each("launch_default_group_is_a_power_of_two", "out[i] = dispatch_threads_per_threadgroup.x + a[i] * 0;", in(x), table(40, func(int) float32 { return 32 }))),
		each("launch_grid_smaller_than_output", "out[i] = a[i];", in(x), table(40, func(i int) float32 { return pick(i < 10, x[i], 9) })).grid(10, 1, 1).initial(9),
		each("launch_several_elements_a_thread", "for (uint j = i; j < 40; j += threads_per_grid.x) out[j] = a[j] * 2;", in(x), double).grid(7, 1, 1),
		kernel("launch_row_for_each_group", "uint row = threadgroup_position_in_grid.x, t = thread_position_in_threadgroup.x; float s = 0; for (uint j = t; j < 8; j += threads_per_threadgroup.x) s += a[row * 8 + j]; s = simd_sum(s); if (t == 0) out[row] = s;",
			in(dims(table(40, func(i int) float32 { return float32(i) }), 5, 8)), table(5, func(i int) float32 { return float32(64*i + 28) })).grid(20, 1, 1).group(4, 1, 1),
		each("launch_thread_out_of_bounds_is_the_kernels_business", "if (i >= a_shape[0]) return; out[i] = a[i] * 2;", in(x), double).grid(64, 1, 1).group(32, 1, 1),
		{
			Name:   "launch_many_parameters",
			Kernel: zmlx.Kernel{Name: "launch_many_parameters", InputNames: letters(20), OutputNames: []string{"out"}, Source: "uint i = thread_position_in_grid.x; out[i] = pa[i] + pb[i] * 2 + pt[i] * 20 + pk;"},
			Launch: zmlx.Launch{OutputShapes: [][]int{{9}}, OutputDTypes: []zmlx.DType{zmlx.Float32}},
			Inputs: func() []*zmlx.Array {
				return table(20, func(k int) *zmlx.Array {
					if k == 10 {
						return zmlx.Scalar(float32(1000))
					}
					return zmlx.FromSlice(table(9, func(i int) float32 { return float32(i + k) }))
				})
			},
			Want: func() []any {
				return []any{table(9, func(i int) float32 { return float32(i + 2*(i+1) + 20*(i+19) + 1000) })}
			},
		},
	}
}

// letters returns n names: pa, pb and so on.
func letters(n int) []string {
	return table(n, func(i int) string { return "p" + string(rune('a'+i)) })
}
