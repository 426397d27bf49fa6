package codegen

// This file implements the choice of names: the definition's own where the
// kernel language lets them be.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/signature"
)

// reserved are the names that generated text uses itself.
var reserved = map[string]bool{}

func init() {
	for name := range strings.FieldsSeq(`
		i j k at part step first from stop end n D row lane base metal zmlx
		uchar uint ushort ulong half bfloat size_t int8_t uint8_t int16_t uint16_t int32_t uint32_t int64_t uint64_t
		uint2 uint4 float2 float4 half4 bfloat4 uint3
		INFINITY NAN MAXFLOAT MAXHALF mem_flags threadgroup_barrier numeric_limits as_type
		abs min max pow atan2 copysign fmod sqrt rsqrt exp exp2 log log2 log10 sin cos tan asin acos atan sinh cosh tanh
		asinh acosh atanh floor ceil rint trunc isnan isinf fma mulhi
		simd_sum simd_product simd_min simd_max simd_any simd_all simd_shuffle_xor`) {
		reserved[name] = true
	}
	for name := range functions {
		reserved[name] = true
	}
}

type names struct {
	taken   map[string]bool
	inputs  []string
	params  []string
	keys    []string
	outputs []string
	temps   int
}

// unique returns name, or name with what makes it a new one.
func (s *names) unique(name string) string {
	for s.taken[name] || reserved[name] {
		name += "_"
	}
	s.taken[name] = true
	return name
}

// own returns a name of the definition, or fallback if the kernel language or
// MLX's search for attributes in the body does not let it be.
func (s *names) own(name, fallback string) string {
	probe := signature.Kernel{Name: "k", OutputNames: []string{name}}
	ok := signature.Validate(probe) == nil
	for _, a := range signature.AllAttributes() {
		ok = ok && !strings.Contains(name, a.Name)
	}
	for _, suffix := range []string{"_shape", "_strides", "_ndim"} {
		ok = ok && !strings.Contains(name, suffix)
	}
	if !ok {
		name = fallback
	}
	if len(name) > 1 && strings.ToUpper(name) == name && strings.Contains(name, "_") {
		name += "_" // Metal's macros look like this
	}
	return s.unique(name)
}

func newNames(p *plan) *names {
	s := &names{taken: map[string]bool{}}
	for i, in := range p.f.Inputs {
		s.inputs = append(s.inputs, s.own(in.Name, fmt.Sprintf("in%d", i)))
	}
	for i, q := range p.f.Params {
		name := s.own(q.Name, fmt.Sprintf("param%d", i))
		s.params = append(s.params, name)
		for s.taken[name+"_low"] || s.taken[name+"_high"] {
			name += "_"
		}
		s.taken[name+"_low"], s.taken[name+"_high"] = true, true
		s.keys = append(s.keys, name)
	}
	for i, out := range p.f.Outputs {
		fallback := "out"
		if len(p.f.Outputs) > 1 {
			fallback = fmt.Sprintf("out%d", i)
		}
		if out.Name == "" {
			s.outputs = append(s.outputs, s.unique(fallback))
		} else {
			s.outputs = append(s.outputs, s.own(out.Name, fallback))
		}
	}
	return s
}

// temp returns the next of t1, t2, …
func (s *names) temp() string {
	for {
		s.temps++
		if name := fmt.Sprintf("t%d", s.temps); !s.taken[name] {
			s.taken[name] = true
			return name
		}
	}
}

// kernelName makes a kernel's name of a definition's.
func kernelName(name string, row bool) string {
	var b strings.Builder
	for _, r := range name {
		if r < 0x80 && (r == '_' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z') {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	switch {
	case b.Len() > 0:
		return b.String()
	case row:
		return "row"
	}
	return "elementwise"
}
