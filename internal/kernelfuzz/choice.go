package kernelfuzz

// This file implements where the choices of a random kernel come from.

import "math/rand/v2"

// choices gives numbers: from bytes, so that a fuzzer can steer, or endless
// random ones.
type choices struct {
	data []byte
	rng  *rand.Rand
}

// n returns a number from 0 to limit-1; 0 once the bytes are at their end.
func (c *choices) n(limit int) int {
	if limit <= 1 {
		return 0
	}
	if c.rng != nil {
		return c.rng.IntN(limit)
	}
	if len(c.data) == 0 {
		return 0
	}
	b := int(c.data[0])
	c.data = c.data[1:]
	if limit > 256 && len(c.data) > 0 {
		b = b<<8 | int(c.data[0])
		c.data = c.data[1:]
	}
	return b % limit
}

// one reports true once in limit times.
func (c *choices) one(limit int) bool { return c.n(limit) == limit-1 }

func (c *choices) pick(list ...string) string { return list[c.n(len(list))] }

// over reports that no choices are left.
func (c *choices) over() bool { return c.rng == nil && len(c.data) == 0 }

// newRand returns the random numbers that belong to a seed.
func newRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
