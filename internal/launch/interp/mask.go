package interp

// This file implements masks: which lanes of a frame are active.

import (
	"encoding/binary"
	"math/bits"
)

// A mask is a set of lanes. Statements own the masks they make; a mask stays
// as it is until the statement that owns it runs again.
type mask struct {
	bits   []uint64
	n      int  // number of lanes in the set
	lo, hi int  // they all lie in [lo, hi)
	dense  bool // and fill it

	list   []int32 // the lanes in ascending order, made when asked for
	listed bool
}

// seal derives everything else from bits.
func (m *mask) seal() {
	m.n, m.lo, m.hi = 0, 0, 0
	m.listed = false
	for w, b := range m.bits {
		if b == 0 {
			continue
		}
		if m.n == 0 {
			m.lo = w*64 + bits.TrailingZeros64(b)
		}
		m.hi = w*64 + 64 - bits.LeadingZeros64(b)
		m.n += bits.OnesCount64(b)
	}
	m.dense = m.n == m.hi-m.lo
}

// fill makes m the lanes below n.
func (m *mask) fill(n int) {
	for w := range m.bits {
		switch rest := n - w*64; {
		case rest >= 64:
			m.bits[w] = ^uint64(0)
		case rest > 0:
			m.bits[w] = 1<<rest - 1
		default:
			m.bits[w] = 0
		}
	}
	m.seal()
}

func (m *mask) clear() {
	clear(m.bits)
	m.n, m.lo, m.hi, m.dense, m.listed = 0, 0, 0, true, false
}

func (m *mask) has(lane int) bool { return m.bits[lane>>6]>>(lane&63)&1 != 0 }

// add makes m the union with o, without sealing it.
func (m *mask) add(o *mask) {
	if o.n == 0 {
		return
	}
	for w, b := range o.bits {
		m.bits[w] |= b
	}
}

// lanes returns the lanes of m in ascending order.
func (f *frame) lanes(m *mask) []int32 {
	if m.dense {
		return f.iota[m.lo:m.hi]
	}
	if !m.listed {
		m.listed = true
		m.list = m.list[:0]
		for w, b := range m.bits {
			for ; b != 0; b &= b - 1 {
				m.list = append(m.list, int32(w*64+bits.TrailingZeros64(b)))
			}
		}
	}
	return m.list
}

// packBools returns 64 lanes of a Bool register as bits. Every byte is 0 or 1.
func packBools(lanes []uint8) uint64 {
	_ = lanes[63]
	var w uint64
	for i := 0; i < 8; i++ {
		w |= binary.LittleEndian.Uint64(lanes[i*8:]) * 0x0102040810204080 >> 56 << (i * 8)
	}
	return w
}

// split divides cur by a Bool register. no may be nil, and either may be cur.
func (f *frame) split(cur *mask, cond slot, yes, no *mask) {
	c := view[uint8](f, cond)
	for w, b := range cur.bits {
		var k uint64
		if b != 0 {
			k = packBools(c[w*64:])
		}
		yes.bits[w] = b & k
		if no != nil {
			no.bits[w] = b &^ k
		}
	}
	yes.seal()
	if no != nil {
		no.seal()
	}
}
