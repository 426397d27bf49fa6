// This file implements moving data with kernels, on devices whose memory the
// host cannot address: filling, copies between strides, casts. What kernels
// cannot do, casts to bool of complex numbers, goes through the host.

package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A KernelMover moves data of one device with kernels.
type KernelMover struct {
	dev  *Device
	most int // threads of a launch along one axis, and elements that int32 can count; tests lower it

	mu       sync.Mutex
	programs map[moveKey]*moveProgram
}

// NewKernelMover returns the mover of a device.
func NewKernelMover(dev *Device) *KernelMover {
	return &KernelMover{dev: dev, most: 1<<31 - 1, programs: map[moveKey]*moveProgram{}}
}

// A moveKey decides a kernel: what is moved, and whether places need 64 bits.
type moveKey struct {
	dst, src dtype.DType // src is 0 in a fill
	wide     bool
}

type moveProgram struct {
	once    sync.Once
	program launch.Program
	params  []signature.Param
	err     error
}

// moveAxes is how many axes a kernel can take: enough that an array in memory
// cannot have more which are longer than 1.
const moveAxes = 64

// moveSource is the body of all kernels here. Thread x goes along the last
// axis, y along the one before it, z along all others. p holds the number of
// axes, and for each the length and the strides in out and in src.
const moveSource = `
I nd = p[0];
I z = I(thread_position_in_grid.z);
I to = I(thread_position_in_grid.x) * p[3 * nd - 1] + I(thread_position_in_grid.y) * p[3 * nd - 4];
I from = I(thread_position_in_grid.x) * p[3 * nd] + I(thread_position_in_grid.y) * p[3 * nd - 3];
for (I d = nd - 3; d >= 0; --d) {
    I length = p[3 * d + 1];
    I q = z / length;
    I r = z - q * length;
    to += r * p[3 * d + 2];
    from += r * p[3 * d + 3];
    z = q;
}
`

// intLimits are the first number beyond a type of integers and the least one,
// as float literals, and the largest one.
var intLimits = map[dtype.DType][3]string{
	dtype.Uint8: {"256.0f", "0.0f", "255"}, dtype.Int8: {"128.0f", "-128.0f", "127"},
	dtype.Uint16: {"65536.0f", "0.0f", "65535"}, dtype.Int16: {"32768.0f", "-32768.0f", "32767"},
	dtype.Uint32: {"4294967296.0f", "0.0f", "4294967295u"}, dtype.Int32: {"2147483648.0f", "-2147483648.0f", "2147483647"},
	dtype.Uint64: {"18446744073709551616.0f", "0.0f", "18446744073709551615ul"},
	dtype.Int64:  {"9223372036854775808.0f", "-9223372036854775808.0f", "9223372036854775807l"},
}

// leastInt64 cannot be written as a literal.
const leastInt64 = "(-9223372036854775807l - 1)"

// moveText returns the statement that writes one element, by Convert's rules.
func moveText(k moveKey) string {
	switch {
	case k.src == 0:
		return "out[to] = src;"
	case k.dst == k.src:
		return "out[to] = src[from];"
	case k.dst == dtype.Bool:
		return "out[to] = src[from] != static_cast<S>(0);"
	case k.src.IsFloat() && !k.dst.IsFloat():
		wide := "float"
		l := intLimits[k.dst]
		if k.src == dtype.Float64 {
			wide = "double"
		}
		least := strings.TrimSuffix(l[1], ".0f")
		switch k.dst {
		case dtype.Int64:
			least = leastInt64
		case dtype.Int32:
			least = "(-2147483647 - 1)"
		}
		return fmt.Sprintf(`%s v = static_cast<%s>(src[from]);
T result = static_cast<T>(0);
if (v >= %s) { result = static_cast<T>(%s); }
else if (v <= %s) { result = static_cast<T>(%s); }
else if (v == v) { result = static_cast<T>(v); }
out[to] = result;`, wide, wide, l[0], l[2], l[1], least)
	case !k.src.IsFloat() && (k.dst == dtype.BFloat16 || k.dst == dtype.Float16):
		return "out[to] = static_cast<T>(static_cast<float>(src[from]));"
	}
	return "out[to] = static_cast<T>(src[from]);"
}

// program returns the kernel for k.
func (m *KernelMover) program(k moveKey) (*moveProgram, error) {
	m.mu.Lock()
	p := m.programs[k]
	if p == nil {
		p = &moveProgram{}
		m.programs[k] = p
	}
	m.mu.Unlock()
	p.once.Do(func() { p.err = p.build(m.dev, k) })
	return p, p.err
}

func (p *moveProgram) build(dev *Device, k moveKey) error {
	name, index := "zmlx_copy_", dtype.Int32
	src := signature.Input{DType: k.src, Shape: []int{1024}}
	if k.src == 0 {
		name, src = "zmlx_fill_", signature.Input{DType: k.dst}
	}
	if k.wide {
		index = dtype.Int64
	}
	template := []signature.TemplateArg{
		{Name: "T", Kind: signature.TypeArg, DType: k.dst},
		{Name: "S", Kind: signature.TypeArg, DType: src.DType},
		{Name: "I", Kind: signature.TypeArg, DType: index},
	}
	r, err := compile.Kernel(signature.Kernel{
		Name: name + k.dst.String(), InputNames: []string{"src", "p"}, OutputNames: []string{"out"},
		Source: moveSource + moveText(k), EnsureRowContiguous: true,
	}, []signature.Input{src, {DType: index, Shape: []int{3*moveAxes + 1}}}, []dtype.DType{k.dst}, template)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	p.params = r.Sig.Params
	p.program, err = dev.Device.Compile(context.Background(), r.Func, launch.Options{})
	return err
}

// asUint returns the unsigned type that has d's size: copies need to know no
// more.
func asUint(d dtype.DType) dtype.DType {
	switch d.Size() {
	case 1:
		return dtype.Uint8
	case 2:
		return dtype.Uint16
	case 4:
		return dtype.Uint32
	}
	return dtype.Uint64
}

// parts returns a view of complex numbers as one of their real or imaginary
// parts.
func parts(v View, imaginary int) View {
	w := View{View: shape.View{Dims: v.Dims, Offset: 2*v.Offset + imaginary}, DType: dtype.Float32, Buffer: v.Buffer}
	for _, s := range v.Strides {
		w.Strides = append(w.Strides, 2*s)
	}
	return w
}

// Fill implements Mover.
func (m *KernelMover) Fill(ctx context.Context, dst View, element []byte) error {
	dst.DType = asUint(dst.DType)
	return m.move(ctx, dst, View{}, element)
}

// Copy implements Mover.
func (m *KernelMover) Copy(ctx context.Context, dst, src View) error {
	switch {
	case dst.DType == src.DType:
		if done, err := m.copyDense(ctx, dst, src); done {
			return err
		}
		dst.DType = asUint(dst.DType)
		src.DType = dst.DType
	case src.DType == dtype.Complex64 && dst.DType == dtype.Bool:
		return m.dev.Do(ctx, func(ctx context.Context) error { return StagedMover{}.Copy(ctx, dst, src) }, dst, src)
	case src.DType == dtype.Complex64:
		src = parts(src, 0)
	case dst.DType == dtype.Complex64:
		if err := m.Fill(ctx, parts(dst, 1), make([]byte, 4)); err != nil {
			return err
		}
		dst = parts(dst, 0)
	}
	if dst.DType == src.DType {
		dst.DType = asUint(dst.DType)
		src.DType = dst.DType
	}
	return m.move(ctx, dst, src, nil)
}

// copyDense copies bytes, if that is all there is to it and the device can.
func (m *KernelMover) copyDense(ctx context.Context, dst, src View) (bool, error) {
	copier, ok := m.dev.Device.(launch.Copier)
	if !ok || !dst.Contiguous() || !src.Contiguous() || dst.Size() == 0 {
		return false, nil
	}
	size := dst.DType.Size()
	err := m.dev.Do(ctx, func(context.Context) error {
		return copier.Copy(dst.Buffer.Raw(), dst.Offset*size, src.Buffer.Raw(), src.Offset*size, dst.Size()*size)
	}, dst, src)
	return !errors.Is(err, errors.ErrUnsupported), err
}

// An axis is one axis of a move.
type axis struct{ n, to, from int }

// axes returns the axes of a move, of which there are at least two, joined
// where both sides lie evenly.
func axes(dst, src shape.View, most int) []axis {
	var all []axis
	for i, n := range dst.Dims {
		if n == 1 {
			continue
		}
		a := axis{n: n, to: dst.Strides[i]}
		if src.Strides != nil {
			a.from = src.Strides[i]
		}
		if k := len(all) - 1; k >= 0 && all[k].to == n*a.to && all[k].from == n*a.from && all[k].n <= most/n {
			all[k] = axis{all[k].n * n, a.to, a.from}
			continue
		}
		all = append(all, a)
	}
	for len(all) < 2 {
		all = append([]axis{{1, 0, 0}}, all...)
	}
	return all
}

// move launches a kernel. With element it fills.
func (m *KernelMover) move(ctx context.Context, dst, src View, element []byte) error {
	if dst.Size() == 0 {
		return nil
	}
	all := axes(dst.View, src.View, m.most)
	n := len(all)
	grid := [3]int{all[n-1].n, all[n-2].n, 1}
	for _, a := range all[:n-2] {
		grid[2] *= a.n
	}
	for _, g := range grid {
		if g > m.most {
			return m.halves(ctx, dst, src, element)
		}
	}
	key := moveKey{dst: dst.DType, src: src.DType}
	for _, v := range []View{dst, src} {
		lo, hi := v.Span()
		key.wide = key.wide || hi-lo > m.most
	}
	p, err := m.program(key)
	if err != nil {
		return err
	}
	var few [256]byte
	data := few[:0]
	number := func(x int) {
		if key.wide {
			data = binary.LittleEndian.AppendUint64(data, uint64(x))
		} else {
			data = binary.LittleEndian.AppendUint32(data, uint32(x))
		}
	}
	number(n)
	for _, a := range all {
		number(a.n)
		number(a.to)
		number(a.from)
	}
	for len(data)%8 != 0 {
		data = append(data, 0)
	}
	at := len(data)
	data = append(data, element...)
	meta, err := m.dev.Constant(data)
	if err != nil {
		return err
	}
	l := launch.Launch{Args: make([]launch.Arg, 0, 3), Grid: grid, Group: [3]int{1, 1, 1}}
	for i, room := 0, 256; i < 3; i++ {
		for l.Group[i]*2 <= min(grid[i], room) {
			l.Group[i] *= 2
		}
		room /= l.Group[i]
	}
	for _, prm := range p.params {
		switch {
		case prm.Kind == signature.OutputBuffer:
			l.Args = append(l.Args, dst.Arg())
		case prm.Of == 1:
			l.Args = append(l.Args, launch.Arg{Buffer: meta.Buffer.Raw(), Hi: at})
		case element != nil:
			l.Args = append(l.Args, launch.Arg{Buffer: meta.Buffer.Raw(), Offset: at, Lo: at, Hi: at + len(element)})
		default:
			l.Args = append(l.Args, src.Arg())
		}
	}
	return m.dev.Launch(ctx, p.program, l, []View{src}, []View{dst}, meta)
}

// halves moves what no grid has threads for in two parts.
func (m *KernelMover) halves(ctx context.Context, dst, src View, element []byte) error {
	longest := 0 // some axis is longer than 1
	for i, d := range dst.Dims {
		if d > dst.Dims[longest] {
			longest = i
		}
	}
	half := dst.Dims[longest] / 2
	ranges := make([]shape.Range, longest+1)
	for i := range ranges {
		ranges[i] = shape.Range{Start: 0, Stop: dst.Dims[i], Step: 1}
	}
	for _, r := range []shape.Range{{Start: 0, Stop: half, Step: 1}, {Start: half, Stop: dst.Dims[longest], Step: 1}} {
		ranges[longest] = r
		to, from := dst, src
		var err error
		if to.View, err = dst.Slice(ranges); err != nil {
			return err
		}
		if element == nil {
			if from.View, err = src.Slice(ranges); err != nil {
				return err
			}
		}
		if err := m.move(ctx, to, from, element); err != nil {
			return err
		}
	}
	return nil
}
