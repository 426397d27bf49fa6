package lower

// This file implements the layout of types: the scalars a value consists of,
// and where they lie in memory.
//
// A simdgroup matrix is two elements a lane, in registers as in memory: it
// never lies in memory that lanes share. So sizes and offsets of types that
// hold matrices are this package's own; all others are those of check.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// A part is one scalar of a value.
type part struct {
	t     ir.Type
	space ir.Space // Ptr
	off   int64    // bytes, from the start of the value in memory
}

var kindTypes = [...]ir.Type{
	check.Bool: ir.Bool, check.Char: ir.I8, check.UChar: ir.U8, check.Short: ir.I16, check.UShort: ir.U16,
	check.Int: ir.I32, check.UInt: ir.U32, check.Long: ir.I64, check.ULong: ir.U64,
	check.Half: ir.F16, check.BFloat: ir.BF16, check.Float: ir.F32, check.Double: ir.F64,
}

// scalar returns the ir type of a scalar type, or of an atomic.
func (l *lowerer) scalar(t *check.Type) ir.Type {
	if t.Kind == check.Atomic {
		t = t.Elem
	}
	if int(t.Kind) < len(kindTypes) && kindTypes[t.Kind] != ir.Void {
		return kindTypes[t.Kind]
	}
	if t.Kind == check.Pointer || t.Kind == check.Null {
		return ir.Ptr
	}
	l.bug("%s is no scalar", t)
	return ir.Void
}

// spaceOf returns the address space that pointers of type t point into.
func spaceOf(t *check.Type) ir.Space {
	if t.Space == check.NoSpace {
		return ir.Thread
	}
	return ir.Space(t.Space)
}

// count returns the number of scalars in a value of type t.
func (l *lowerer) count(t *check.Type) int {
	switch t.Kind {
	case check.Void, check.Closure:
		return 0
	case check.Vector:
		return t.Len
	case check.Matrix:
		return 2
	case check.Array:
		return min(t.Len*l.count(t.Elem), maxParts+1)
	case check.StructKind:
		n := 0
		for _, f := range t.Struct.Fields {
			n = min(n+l.count(f.Type), maxParts+1)
		}
		return n
	}
	return 1
}

// partsOf returns the scalars of t, in order.
func (l *lowerer) partsOf(t *check.Type) []part {
	if p, ok := l.parts[t]; ok {
		return p
	}
	n := l.count(t)
	if n > maxParts {
		l.tooLarge(l.span(), t.String()+" is too large to be moved as one value")
	}
	p := l.appendParts(make([]part, 0, n), t, 0)
	l.parts[t] = p
	return p
}

func (l *lowerer) appendParts(p []part, t *check.Type, off int64) []part {
	switch t.Kind {
	case check.Void, check.Closure:
	case check.Vector, check.Matrix:
		e := l.scalar(t.Elem)
		for i := range l.count(t) {
			p = append(p, part{t: e, off: off + int64(i*e.Size())})
		}
	case check.Array:
		for i := range t.Len {
			p = l.appendParts(p, t.Elem, off+int64(i)*l.size(t.Elem))
		}
	case check.StructKind:
		for i, f := range t.Struct.Fields {
			p = l.appendParts(p, f.Type, off+l.fieldOffset(t.Struct, i))
		}
	case check.Pointer, check.Null:
		p = append(p, part{t: ir.Ptr, space: spaceOf(t), off: off})
	default:
		p = append(p, part{t: l.scalar(t), off: off})
	}
	return p
}

// A layout is that of a struct that holds matrices.
type layout struct {
	size, align int64
	offsets     []int64
}

func holdsMatrix(t *check.Type) bool {
	switch t.Kind {
	case check.Matrix:
		return true
	case check.Array:
		return holdsMatrix(t.Elem)
	case check.StructKind:
		for _, f := range t.Struct.Fields {
			if holdsMatrix(f.Type) {
				return true
			}
		}
	}
	return false
}

// ownLayout returns the layout of s if it holds matrices, else nil.
func (l *lowerer) ownLayout(s *check.Struct) *layout {
	if own, ok := l.layouts[s]; ok {
		return own
	}
	var own *layout
	if holdsMatrix(&check.Type{Kind: check.StructKind, Struct: s}) {
		own = &layout{align: 1}
		for _, f := range s.Fields {
			a := l.align(f.Type)
			own.size = (own.size + a - 1) / a * a
			own.offsets = append(own.offsets, own.size)
			own.size += l.size(f.Type)
			own.align = max(own.align, a)
		}
		own.size = (own.size + own.align - 1) / own.align * own.align
	}
	l.layouts[s] = own
	return own
}

// size returns the size of t in memory, in bytes.
func (l *lowerer) size(t *check.Type) int64 {
	switch t.Kind {
	case check.Matrix:
		return 2 * int64(t.Elem.Size())
	case check.Array:
		return int64(t.Len) * l.size(t.Elem)
	case check.StructKind:
		if own := l.ownLayout(t.Struct); own != nil {
			return own.size
		}
	}
	return int64(t.Size())
}

// align returns the alignment of t in memory, in bytes.
func (l *lowerer) align(t *check.Type) int64 {
	switch t.Kind {
	case check.Matrix:
		return l.size(t)
	case check.Array:
		return l.align(t.Elem)
	case check.StructKind:
		if own := l.ownLayout(t.Struct); own != nil {
			return own.align
		}
	}
	return max(int64(t.Align()), 1)
}

func (l *lowerer) fieldOffset(s *check.Struct, i int) int64 {
	if own := l.ownLayout(s); own != nil {
		return own.offsets[i]
	}
	return int64(s.Fields[i].Offset)
}

// holdsArray reports whether values of t live in memory.
func holdsArray(t *check.Type) bool {
	switch t.Kind {
	case check.Array:
		return true
	case check.StructKind:
		for _, f := range t.Struct.Fields {
			if holdsArray(f.Type) {
				return true
			}
		}
	}
	return false
}

// elemHint returns the type of most accesses to a value of type t.
func (l *lowerer) elemHint(t *check.Type) ir.Type {
	for t.Kind == check.Array || t.Kind == check.Vector || t.Kind == check.Matrix || t.Kind == check.Atomic {
		t = t.Elem
	}
	if t.Kind != check.StructKind {
		return l.scalar(t)
	}
	hint := ir.Void
	for _, f := range t.Struct.Fields {
		switch e := l.elemHint(f.Type); {
		case hint == ir.Void:
			hint = e
		case hint != e:
			return ir.Void
		}
	}
	return hint
}
