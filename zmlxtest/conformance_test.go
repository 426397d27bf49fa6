package zmlxtest_test

// This file implements the tests that run the suite on every device, in checked
// mode, and that look at the suite itself.

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func TestConformance(t *testing.T) {
	zmlxtest.OnEveryDevice(t, zmlxtest.Conformance)
}

func TestSuite(t *testing.T) {
	cases := zmlxtest.Cases()
	if len(cases) < 180 {
		t.Errorf("the suite has %d cases, want at least 180", len(cases))
	}
	names := map[string]bool{}
	count := map[string]int{}
	for _, c := range cases {
		if names[c.Name] || c.Name == "" {
			t.Errorf("there are two cases named %q", c.Name)
		}
		names[c.Name] = true
		count[c.Feature]++
		if c.Want == nil || len(c.Want()) != len(c.Kernel.OutputNames) {
			t.Errorf("%s does not say what its outputs are", c.Name)
		}
	}
	for _, feature := range zmlxtest.Features() {
		if count[feature] < 5 {
			t.Errorf("chapter %q has only %d cases", feature, count[feature])
		}
	}
	t.Logf("%d cases: %v", len(cases), count)
}

// Every thread attribute, every simdgroup function and every dtype is in some
// case's text.
func TestSuiteIsComplete(t *testing.T) {
	var text strings.Builder
	dtypes := map[zmlx.DType]bool{}
	for _, c := range zmlxtest.Cases() {
		text.WriteString(c.Kernel.Header + c.Kernel.Source)
		for _, d := range c.Launch.OutputDTypes {
			dtypes[d] = true
		}
	}
	for word := range strings.FieldsSeq(`
		dispatch_quadgroups_per_threadgroup dispatch_simdgroups_per_threadgroup dispatch_threads_per_threadgroup
		grid_origin grid_size quadgroup_index_in_threadgroup quadgroups_per_threadgroup simdgroup_index_in_threadgroup
		simdgroups_per_threadgroup thread_execution_width thread_index_in_quadgroup thread_index_in_simdgroup
		thread_index_in_threadgroup thread_position_in_grid thread_position_in_threadgroup threadgroup_position_in_grid
		threadgroups_per_grid threads_per_grid threads_per_simdgroup threads_per_threadgroup
		simd_sum simd_product simd_min simd_max simd_and simd_or simd_xor simd_prefix_inclusive_sum
		simd_prefix_exclusive_sum simd_prefix_inclusive_product simd_prefix_exclusive_product simd_broadcast
		simd_broadcast_first simd_shuffle simd_shuffle_up simd_shuffle_down simd_shuffle_xor simd_shuffle_rotate_up
		simd_shuffle_rotate_down simd_shuffle_and_fill_up simd_shuffle_and_fill_down simd_ballot simd_all simd_any
		simd_is_first simd_active_threads_mask
		quad_sum quad_product quad_min quad_max quad_and quad_or quad_xor quad_prefix_inclusive_sum
		quad_prefix_exclusive_sum quad_broadcast quad_broadcast_first quad_shuffle quad_shuffle_up quad_shuffle_down
		quad_shuffle_xor quad_shuffle_rotate_up quad_shuffle_and_fill_up quad_ballot quad_all quad_any
		atomic_load_explicit atomic_store_explicit atomic_exchange_explicit atomic_compare_exchange_weak_explicit
		atomic_fetch_add_explicit atomic_fetch_sub_explicit atomic_fetch_min_explicit atomic_fetch_max_explicit
		atomic_fetch_and_explicit atomic_fetch_or_explicit atomic_fetch_xor_explicit
		simdgroup_load simdgroup_store simdgroup_multiply simdgroup_multiply_accumulate make_filled_simdgroup_matrix
		threadgroup_barrier simdgroup_barrier as_type static_assert constexpr switch decltype sizeof`) {
		if !strings.Contains(text.String(), word) {
			t.Errorf("no case uses %s", word)
		}
	}
	for _, d := range []zmlx.DType{
		zmlx.Bool, zmlx.Int8, zmlx.Int16, zmlx.Int32, zmlx.Int64, zmlx.Uint8, zmlx.Uint16, zmlx.Uint32, zmlx.Uint64,
		zmlx.Float16, zmlx.BFloat16, zmlx.Float32, zmlx.Complex64,
	} {
		if !dtypes[d] {
			t.Errorf("no case has an output of %s", d)
		}
	}
}

// The checked mode finds nothing in right kernels, and computes the same.
func TestSuiteIsCleanInCheckedMode(t *testing.T) {
	interp, err := zmlx.Open("interp")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range zmlxtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			m, err := zmlx.Compile(c.Kernel)
			if err != nil {
				t.Fatal(err)
			}
			report, err := m.Check(t.Context(), c.Launch, c.Arguments(interp)...)
			if err != nil {
				t.Fatal(err)
			}
			if !report.OK() && c.Remark == "" {
				t.Error(report)
			}
			if report.OK() && c.Remark != "" {
				t.Errorf("nothing is reported, although: %s", c.Remark)
			}
			for i, want := range c.Want() {
				if err := zmlxtest.Compare(report.Outputs[i], want, c.Tolerance); err != nil {
					t.Errorf("output %s: %v", c.Kernel.OutputNames[i], err)
				}
			}
		})
	}
}
