// This file implements arrays that carry an error from elsewhere.

package zmlx

// Failed returns an array that carries err, as the operations of this package
// return where they fail. It is for packages that build operations on this one.
func Failed(err error) *Array { return failed(err) }
