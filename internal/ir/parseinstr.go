package ir

// This file implements the parser of instructions, operands and constants.

import (
	"math"
	"strconv"
	"strings"
)

var opByName = func() map[string]Op {
	m := map[string]Op{}
	for op := BadOp + 1; op < NumOps; op++ {
		m[ops[op].name] = op
	}
	return m
}()

var specialByName = func() map[string]int64 {
	m := map[string]int64{}
	for k := range int64(NumSpecials) {
		m[specialText(k)] = k
	}
	return m
}()

func (p *parser) instr() (Stmt, bool) {
	in := &Instr{}
	var dst []string
	w, ok := p.word("a statement")
	if !ok {
		return nil, false
	}
	if w[0] == '%' {
		dst = append(dst, w)
		for p.got(",") {
			if w, ok = p.word("a register"); !ok {
				return nil, false
			}
			if w[0] != '%' {
				return nil, p.fail("expected a register, found %q", w)
			}
			dst = append(dst, w)
		}
		if !p.want("=") {
			return nil, false
		}
		if w, ok = p.word("an operation"); !ok {
			return nil, false
		}
	}
	if !p.operation(in, w) {
		return nil, false
	}
	sig := signatures[in.Op]
	space := NoSpace
	switch sig.imm {
	case immSpecial:
		in.Type = U32
		if w, ok = p.word("a thread attribute"); !ok {
			return nil, false
		}
		if in.Imm, ok = specialByName[w]; !ok {
			return nil, p.fail("unknown thread attribute %q", w)
		}
	case immBarrier:
		switch {
		case p.got(barrierText(1)):
			in.Imm = 1
		case !p.want(barrierText(0)):
			return nil, false
		}
	default:
		if in.Type, space, ok = p.typ(); !ok {
			return nil, false
		}
	}
	if in.Op == Convert || in.Op == Bitcast {
		if !p.want("from") {
			return nil, false
		}
		if in.From, _, ok = p.typ(); !ok {
			return nil, false
		}
	}
	if !p.operands(in, sig) || !p.results(in, dst, space) {
		return nil, false
	}
	return in, p.endLine()
}

// operation reads the name of an operation with its suffixes: simd_sum.32.fast.
func (p *parser) operation(in *Instr, w string) bool {
	name, suffix, found := strings.Cut(w, ".")
	op, ok := opByName[name]
	if !ok {
		return p.fail("unknown operation %q", name)
	}
	in.Op = op
	if signatures[op].imm == immWidth {
		width, rest, more := strings.Cut(suffix, ".")
		n, err := strconv.ParseInt(width, 10, 64)
		if err != nil {
			return p.fail("%s needs a width, as in %s.32", name, name)
		}
		in.Imm, suffix, found = n, rest, more
	}
	if found {
		if suffix != "fast" {
			return p.fail("unknown suffix of operation %q", w)
		}
		in.Fast = true
	}
	return true
}

// operands reads the address, the operands and PtrSub's element size.
func (p *parser) operands(in *Instr, sig opSignature) bool {
	more := true
	if sig.addr {
		if !p.addr(&in.Addr) {
			return false
		}
		more = p.got(",")
	} else if p.peek().kind != tokWord {
		more = false
	}
	for more {
		r, ok := p.operand()
		if !ok {
			return false
		}
		in.Args = append(in.Args, r)
		more = p.got(",")
	}
	if sig.imm == immSize {
		n, ok := int64(0), p.want("/")
		if ok {
			n, ok = p.int("an element size")
		}
		in.Imm = n
		return ok
	}
	return true
}

func (p *parser) addr(a *Addr) bool {
	if !p.want("[") {
		return false
	}
	var ok bool
	a.Index = NoReg
	if a.Base, ok = p.operand(); !ok {
		return false
	}
	for first := true; ; first = false {
		switch {
		case p.got("]"):
			return true
		case p.got("+"):
			if t := p.peek(); first && !offset(t) {
				if a.Index, ok = p.operand(); !ok || !p.want("*") {
					return false
				}
				if a.Scale, ok = p.int("a scale"); !ok {
					return false
				}
				continue
			}
			if a.Off, ok = p.int("an offset"); !ok {
				return false
			}
		case p.got("-"):
			w, ok := p.word("an offset")
			if !ok {
				return false
			}
			v, err := strconv.ParseUint(w, 10, 64)
			if err != nil || v > 1<<63 {
				return p.fail("malformed offset %q", w)
			}
			a.Off = -int64(v)
		}
		return p.want("]")
	}
}

// offset reports whether t is a number without a type.
func offset(t token) bool {
	_, err := strconv.ParseInt(t.text, 10, 64)
	return err == nil
}

// results defines the registers that an instruction assigns.
func (p *parser) results(in *Instr, dst []string, space Space) bool {
	for i, w := range dst {
		name, r, err := splitReg(w)
		if err != nil {
			return p.fail("%w", err)
		}
		in.Dst = append(in.Dst, r)
		if p.defined[r] {
			if p.f.Regs[r].Kind != VarReg {
				return p.fail("%s is assigned a second time", w)
			}
			continue
		}
		t := resultType(in.Op, in.Type, i)
		if t == Void {
			return p.fail("%s has no result %d", in.Op, i+1)
		}
		info := RegInfo{Type: t, Kind: TempReg, Name: name}
		if t == Ptr {
			info.Space = space
		}
		p.f.Regs[r] = info
		p.defined[r] = true
	}
	return true
}

// operand reads a register, a symbol or a constant.
func (p *parser) operand() (Reg, bool) {
	w, ok := p.word("an operand")
	if !ok {
		return NoReg, false
	}
	switch w[0] {
	case '%':
		_, r, err := splitReg(w)
		if err != nil {
			return NoReg, p.fail("%w", err)
		}
		if !p.defined[r] {
			return NoReg, p.fail("%s is used before it is assigned", w)
		}
		return r, true
	case '@':
		s := p.symbols[w]
		if s == nil {
			return NoReg, p.fail("%s is not declared", w)
		}
		if s.reg == NoReg {
			s.reg = p.addReg(s.info)
		}
		return s.reg, true
	}
	k, ok := parseConst(w)
	if !ok {
		return NoReg, p.fail("malformed operand %q", w)
	}
	r, ok := p.consts[k]
	if !ok {
		r = p.addReg(RegInfo{Type: k.typ, Kind: ConstReg, Space: k.space, Bits: k.bits})
		p.consts[k] = r
	}
	return r, true
}

// parseConst reads what constText writes.
func parseConst(w string) (constKey, bool) {
	if w == "true" || w == "false" {
		return constKey{typ: Bool, bits: boolBits(w == "true")}, true
	}
	if value, kind, found := strings.Cut(w, ":"); found {
		if value == "null" {
			s, ok := spaceByName(kind)
			return constKey{typ: Ptr, space: s}, ok
		}
		t, ok := typeByName(kind)
		if !ok || !t.IsFloat() {
			return constKey{}, false
		}
		switch value {
		case "inf":
			return constKey{typ: t, bits: FloatBits(t, math.Inf(1))}, true
		case "-inf":
			return constKey{typ: t, bits: FloatBits(t, math.Inf(-1))}, true
		}
		digits, ok := strings.CutPrefix(value, "0x")
		bits, err := strconv.ParseUint(digits, 16, 8*t.Size())
		return constKey{typ: t, bits: bits}, ok && err == nil
	}
	if c := w[0]; c != '-' && (c < '0' || c > '9') {
		return constKey{}, false
	}
	i := strings.IndexAny(w, "iubf")
	if i < 0 {
		return constKey{}, false
	}
	t, ok := typeByName(w[i:])
	if !ok {
		return constKey{}, false
	}
	width := 8 * t.Size()
	k := constKey{typ: t}
	var err error
	switch {
	case t.IsFloat():
		var v float64
		v, err = strconv.ParseFloat(w[:i], max(width, 32))
		k.bits = FloatBits(t, v)
	case t.IsSigned():
		var v int64
		v, err = strconv.ParseInt(w[:i], 10, width)
		k.bits = uint64(v)
	case t.IsInt():
		k.bits, err = strconv.ParseUint(w[:i], 10, width)
	default:
		return constKey{}, false
	}
	return k, err == nil
}
