package source

// This file implements suggestions: the known name nearest to a mistyped one.

import "strings"

// Nearest returns the candidate that name is most likely a misspelling of, or
// "" if none is near: one edit for three letters or fewer, two for five to
// seven, and so on. Of equally near ones, that of the same length wins; another
// case costs less than an edit.
func Nearest(name string, candidates []string) string {
	best, bestCost := "", 4*max((len(name)+1)/3, 1)+2
	if len(name) < 2 {
		bestCost = 2
	}
	for _, c := range candidates {
		if c == name || abs(len(c)-len(name)) > 4 {
			continue
		}
		edits := distance(strings.ToLower(name), strings.ToLower(c))
		cost := 4*edits + min(abs(len(c)-len(name)), 1)
		if edits == 0 {
			cost = 1
		}
		if cost < bestCost && (edits < len(c) || strings.HasPrefix(name, c)) {
			best, bestCost = c, cost
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			d := 1
			if a[i-1] == b[j-1] {
				d = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+d)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
