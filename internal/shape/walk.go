// This file implements walking over two Views of the same dimensions at once,
// in runs that are as long as the strides allow.

package shape

// Walk calls run for runs of n elements that together are all elements of a
// and b in row-major order: element k of a run is a's at i + k*si and b's at
// j + k*sj. Both have the same dimensions. Walk stops when run returns false.
func Walk(a, b View, run func(n, i, si, j, sj int) bool) {
	if a.Size() == 0 {
		return
	}
	// Merge neighbouring axes that both walk as one.
	var dims, sa, sb []int
	for k, d := range a.Dims {
		if d == 1 {
			continue
		}
		if m := len(dims) - 1; m >= 0 && sa[m] == d*a.Strides[k] && sb[m] == d*b.Strides[k] {
			dims[m] *= d
			sa[m], sb[m] = a.Strides[k], b.Strides[k]
			continue
		}
		dims = append(dims, d)
		sa = append(sa, a.Strides[k])
		sb = append(sb, b.Strides[k])
	}
	if len(dims) == 0 {
		run(1, a.Offset, 1, b.Offset, 1)
		return
	}
	last := len(dims) - 1
	index := make([]int, last)
	i, j := a.Offset, b.Offset
	for {
		if !run(dims[last], i, sa[last], j, sb[last]) {
			return
		}
		k := last - 1
		for ; k >= 0; k-- {
			i += sa[k]
			j += sb[k]
			if index[k]++; index[k] < dims[k] {
				break
			}
			i -= dims[k] * sa[k]
			j -= dims[k] * sb[k]
			index[k] = 0
		}
		if k < 0 {
			return
		}
	}
}
