package zmlxtest

// This file implements the cases of the thread attributes: each of the twenty,
// on grids of one to three dimensions with partial threadgroups at the edges.

import (
	"fmt"
	"strings"
)

// A thread is what the attributes are computed from.
type thread struct {
	grid, group [3]int // as launched
	at          [3]int // position in the grid
}

func (t thread) groupAt() [3]int {
	return [3]int{t.at[0] / t.group[0], t.at[1] / t.group[1], t.at[2] / t.group[2]}
}

func (t thread) inGroup() [3]int {
	return [3]int{t.at[0] % t.group[0], t.at[1] % t.group[1], t.at[2] % t.group[2]}
}

func (t thread) groups() [3]int {
	var n [3]int
	for i := range n {
		n[i] = (t.grid[i] + t.group[i] - 1) / t.group[i]
	}
	return n
}

// size is that of the thread's own group.
func (t thread) size() [3]int {
	var n [3]int
	for i, g := range t.groupAt() {
		n[i] = min(t.group[i], t.grid[i]-g*t.group[i])
	}
	return n
}

// index is the thread's number in its group, x first.
func (t thread) index() int {
	p, n := t.inGroup(), t.size()
	return p[0] + n[0]*(p[1]+n[1]*p[2])
}

func volume(n [3]int) int { return n[0] * n[1] * n[2] }

func parts(n, size int) int { return (n + size - 1) / size }

// threeOf are the attributes of three components, oneOf the others.
var threeOf = []struct {
	name string
	of   func(t thread) [3]int
}{
	{"thread_position_in_grid", func(t thread) [3]int { return t.at }},
	{"thread_position_in_threadgroup", thread.inGroup},
	{"threadgroup_position_in_grid", thread.groupAt},
	{"threadgroups_per_grid", thread.groups},
	{"threads_per_grid", func(t thread) [3]int { return t.grid }},
	{"threads_per_threadgroup", thread.size},
	{"dispatch_threads_per_threadgroup", func(t thread) [3]int { return t.group }},
	{"grid_size", func(t thread) [3]int { return t.grid }},
	{"grid_origin", func(t thread) [3]int { return [3]int{} }},
}

var oneOf = []struct {
	name string
	of   func(t thread) int
}{
	{"thread_index_in_threadgroup", thread.index},
	{"thread_index_in_simdgroup", func(t thread) int { return t.index() % 32 }},
	{"simdgroup_index_in_threadgroup", func(t thread) int { return t.index() / 32 }},
	{"simdgroups_per_threadgroup", func(t thread) int { return parts(volume(t.size()), 32) }},
	{"dispatch_simdgroups_per_threadgroup", func(t thread) int { return parts(volume(t.group), 32) }},
	{"threads_per_simdgroup", func(thread) int { return 32 }},
	{"thread_execution_width", func(thread) int { return 32 }},
	{"thread_index_in_quadgroup", func(t thread) int { return t.index() % 4 }},
	{"quadgroup_index_in_threadgroup", func(t thread) int { return t.index() / 4 }},
	{"quadgroups_per_threadgroup", func(t thread) int { return parts(volume(t.size()), 4) }},
	{"dispatch_quadgroups_per_threadgroup", func(t thread) int { return parts(volume(t.group), 4) }},
}

// launches are a grid and a threadgroup of each number of dimensions; no grid
// is a multiple of its group.
var launches = []struct{ grid, group [3]int }{
	{[3]int{150, 1, 1}, [3]int{64, 1, 1}},
	{[3]int{13, 11, 1}, [3]int{8, 6, 1}},
	{[3]int{11, 5, 5}, [3]int{8, 3, 2}},
}

// threads lists all threads of a launch, x first.
func threads(grid, group [3]int) []thread {
	return table(volume(grid), func(i int) thread {
		return thread{grid, group, [3]int{i % grid[0], i / grid[0] % grid[1], i / grid[0] / grid[1]}}
	})
}

// place is the number of a thread in its grid.
const place = "uint3 at_ = thread_position_in_grid; uint i = at_.x + threads_per_grid.x * (at_.y + threads_per_grid.y * at_.z);\n"

func attributeCases() []Case {
	last := launches[2]
	all := threads(last.grid, last.group)
	var cases []Case
	for _, a := range threeOf {
		body := fmt.Sprintf("out[3 * i] = %[1]s.x; out[3 * i + 1] = %[1]s.y; uint3 v = %[1]s; out[3 * i + 2] = v.z;", a.name)
		cases = append(cases, kernel(a.name, place+body, nil, table(3*len(all), func(i int) uint32 { return uint32(a.of(all[i/3])[i%3]) })).
			grid(last.grid[0], last.grid[1], last.grid[2]).group(last.group[0], last.group[1], last.group[2]))
	}
	for _, a := range oneOf {
		cases = append(cases, kernel(a.name, place+"out[i] = "+a.name+";", nil, mapped(all, func(t thread) uint32 { return uint32(a.of(t)) })).
			grid(last.grid[0], last.grid[1], last.grid[2]).group(last.group[0], last.group[1], last.group[2]))
	}
	for d, l := range launches[:2] {
		all := threads(l.grid, l.group)
		var three, one strings.Builder
		for k, a := range threeOf {
			fmt.Fprintf(&three, "out[%d * i + %d] = %s.%c;\n", len(threeOf), k, a.name, "xy"[min(d, k%2)])
		}
		for k, a := range oneOf {
			fmt.Fprintf(&one, "out[%d * i + %d] = %s;\n", len(oneOf), k, a.name)
		}
		wantThree := table(len(threeOf)*len(all), func(i int) uint32 {
			k := i % len(threeOf)
			return uint32(threeOf[k].of(all[i/len(threeOf)])[min(d, k%2)])
		})
		wantOne := table(len(oneOf)*len(all), func(i int) uint32 { return uint32(oneOf[i%len(oneOf)].of(all[i/len(oneOf)])) })
		for _, c := range []Case{
			kernel(fmt.Sprintf("positions_and_sizes_%dd", d+1), place+three.String(), nil, wantThree),
			kernel(fmt.Sprintf("indexes_and_counts_%dd", d+1), place+one.String(), nil, wantOne),
		} {
			cases = append(cases, c.grid(l.grid[0], l.grid[1], l.grid[2]).group(l.group[0], l.group[1], l.group[2]))
		}
	}
	return append(cases,
		each("attribute_passed_to_a_function", "out[i] = linear(thread_position_in_threadgroup, threads_per_threadgroup) + 100 * threadgroup_position_in_grid.x;", nil,
			table(20, func(i int) uint32 { return uint32(i%8 + 100*(i/8)) })).group(8, 1, 1).
			header("uint linear(uint3 p, uint3 n) { return p.x + n.x * (p.y + n.y * p.z); }\n"),
		each("attributes_are_variables", "thread_position_in_grid.x += 5; uint2 p = thread_position_in_grid.xy; out[i] = p.x + p.y;", nil,
			table(20, func(i int) uint32 { return uint32(i + 5) })),
		each("attribute_components_by_index", "out[i] = thread_position_in_grid[0] * 2 + threads_per_grid[1];", nil,
			table(20, func(i int) uint32 { return uint32(2*i + 1) })),
	)
}
