package signature

// This file implements the lint: warnings about what MLX or Metal accepts in
// silence, or refuses only in some calls, on some systems or in some versions.

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/source"
)

// The codes of the lint's warnings.
const (
	LintConstantSpace          source.Code = "LintConstantSpace"          // device pointer to an input that is in constant space
	LintAttributeName          source.Code = "LintAttributeName"          // local variable named as a thread attribute
	LintAttributeInHeader      source.Code = "LintAttributeInHeader"      // attribute used where it is no parameter
	LintNegativeTemplate       source.Code = "LintNegativeTemplate"       // negative template int
	LintTemplateInPreprocessor source.Code = "LintTemplateInPreprocessor" // template parameter in an #if
	LintBufferSlots            source.Code = "LintBufferSlots"            // more than 31 buffers
	LintThreadgroupSize        source.Code = "LintThreadgroupSize"        // more than 1,024 threads
	LintPartialGroup           source.Code = "LintPartialGroup"           // groups that meet at barriers are cut at the edge
	LintAtomicType             source.Code = "LintAtomicType"             // atomic output of a type without atomics
	LintParameterList          source.Code = "LintParameterList"          // call for which MLX generates broken text
	LintHeaderEnd              source.Code = "LintHeaderEnd"              // header that swallows the line after it
	LintNonASCII               source.Code = "LintNonASCII"               // code beyond the ASCII that MLX hands to Metal
	LintBarrierFlags           source.Code = "LintBarrierFlags"           // barrier that orders no memory
	LintFloat64                source.Code = "LintFloat64"                // float64, which Metal lacks
	LintInitValue              source.Code = "LintInitValue"              // init_value that float32 cannot hold
)

// MaxBuffers is the number of buffers that Metal can bind to a kernel.
const MaxBuffers = 31

// A LintCall is a call to be looked at.
type LintCall struct {
	Kernel    Kernel
	Signature *Signature
	Outputs   []dtype.DType
	Grid      [3]int
	Group     [3]int // as given, not cut to Grid
	InitValue *float64

	// Where positions are: the files that hold Kernel.Source and Kernel.Header.
	// Without one, or if it holds another text, warnings about that text have no
	// position.
	Body, Header *source.File
}

// Lint returns warnings about a call, each with its place in the body or
// header where it has one.
func Lint(c LintCall) []source.Diag {
	l := &linter{LintCall: c, body: blank(c.Kernel.Source), header: blank(c.Kernel.Header)}
	if l.Body != nil && l.Body.Text != c.Kernel.Source {
		l.Body = nil
	}
	if l.Header != nil && l.Header.Text != c.Kernel.Header {
		l.Header = nil
	}
	l.float64s()
	l.constantSpace()
	l.attributeNames()
	l.attributesInHeader()
	l.template()
	l.buffers()
	l.launch()
	l.outputs()
	l.text()
	return l.diags
}

// A linter holds a call and both its texts with comments and strings blanked,
// so that offsets are those of the original.
type linter struct {
	LintCall
	body, header string
	diags        []source.Diag
}

// warn adds a warning about bytes [start, end) of file, which may be nil.
func (l *linter) warn(code source.Code, file *source.File, start, end int, msg, hint string) {
	d := source.Diag{Code: code, Severity: source.Warning, Msg: msg, Hint: hint}
	if file != nil && end > start && end <= len(file.Text) {
		d.Span = source.Span{Pos: file.Pos(start), End: file.Pos(end)}
	}
	l.diags = append(l.diags, d)
}

// float64s finds arrays that no GPU of Apple's can hold.
func (l *linter) float64s() {
	for _, p := range l.Signature.Params {
		if p.DType == dtype.Float64 {
			l.warn(LintFloat64, nil, 0, 0, p.Name+" is float64, which Metal does not have: MLX refuses this call on a GPU",
				"cast to float32; the kernel runs as it is on other devices")
			return
		}
	}
}

// constantSpace finds device pointers made from inputs that this call puts
// into constant space because they are small.
func (l *linter) constantSpace() {
	for _, p := range l.Signature.Params {
		if p.Kind != InputBuffer || !p.Constant {
			continue
		}
		name := regexp.QuoteMeta(p.Name)
		for _, pattern := range [...]string{
			`\bdevice\b[^;={}()]*\*[^;={}()]*=[^;,]*?\b(` + name + `)\b`,                                                           // const device T* p = x + 1
			`\(\s*(?:const\s+)?device\b[^()]*\*\s*\)\s*[(&]*\s*(` + name + `)\b`,                                                   // (const device T*)x
			`_cast\s*<[^;(){}]*\bdevice\b[^;(){}]*\*\s*>\s*\(\s*[(&]*\s*(` + name + `)\b`,                                          // reinterpret_cast<const device T*>(x)
			`\b(?:` + l.deviceHelpers() + `)\s*(?:<[^;(){}]*>)?\s*\(\s*(?:(?:[^;()]|\([^;()]*\))*?[,&]\s*)?(` + name + `)\s*[,+)]`, // helper(x, ...)
		} {
			m := regexp.MustCompile(pattern).FindStringSubmatchIndex(l.body)
			if m == nil {
				continue
			}
			l.warn(LintConstantSpace, l.Body, m[2], m[3],
				fmt.Sprintf("%s has fewer than %d elements in this call, so that MLX binds it in constant space: a device pointer to it is an error on Metal", p.Name, ConstantLimit),
				"write auto, or make helpers templates over the pointer's type, or pass at least 8 elements")
			break
		}
	}
}

var deviceHelper = regexp.MustCompile(`\b(\w+)\s*\((?:[^(){};]*[\s(,])?device\b[^(){};]*\)\s*\{`)

// deviceHelpers returns a pattern for the names of the header's functions
// that take a device pointer.
func (l *linter) deviceHelpers() string {
	names := []string{}
	for _, m := range deviceHelper.FindAllStringSubmatch(l.header, -1) {
		name := regexp.QuoteMeta(m[1])
		// One that takes constant pointers too may well be right: only types
		// tell, and the checker looks at those.
		if !regexp.MustCompile(`\b` + name + `\s*\([^(){};]*\bconstant\b[^(){};]*\)\s*\{`).MatchString(l.header) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return `[^\x00-\x{10FFFF}]` // matches nothing
	}
	return strings.Join(names, "|")
}

// attributeNames finds local variables that have the name of an attribute,
// which the body thereby made a parameter.
func (l *linter) attributeNames() {
	for _, a := range l.Signature.Attributes {
		if at := declarationOf(a.Name, l.body); at >= 0 {
			l.warn(LintAttributeName, l.Body, at, at+len(a.Name),
				fmt.Sprintf("a variable named %s collides with the thread attribute of that name, which MLX makes a parameter because the body mentions it", a.Name),
				"rename the variable")
		}
	}
}

// attributesInHeader finds attributes that header code uses, where they are
// no parameters.
func (l *linter) attributesInHeader() {
	for _, a := range attributes {
		at := regexp.MustCompile(`\b` + a.Name + `\b`).FindStringIndex(l.header)
		if at == nil || declarationOf(a.Name, l.header) >= 0 {
			continue
		}
		l.warn(LintAttributeInHeader, l.Header, at[0], at[1],
			fmt.Sprintf("%s is a parameter of the kernel only, and is unknown in the header", a.Name),
			"pass it to the function as an argument")
	}
}

// declarationOf returns the offset at which text declares a variable or
// parameter called name, or -1.
func declarationOf(name, text string) int {
	declaration := regexp.MustCompile(`(\w+|[>*&])\s*\b(` + name + `)\s*(?:[=;,)\[({:]|$)`)
	for from := 0; ; {
		m := declaration.FindStringSubmatchIndex(text[from:])
		if m == nil {
			return -1
		}
		before, gap := text[from+m[2]:from+m[3]], m[4]-m[3]
		switch {
		case strings.ContainsAny(before, "*&"): // a product or a pointer: a pointer follows a type
			if typeBefore(text[:from+m[2]]) {
				return from + m[4]
			}
		case before == ">":
			if regexp.MustCompile(`\bvec\s*<[^<>]*$`).MatchString(text[:from+m[2]]) {
				return from + m[4]
			}
		case gap > 0 && !notTypes[before] && (before[0] < '0' || before[0] > '9'):
			return from + m[4]
		}
		from += m[5]
	}
}

// notTypes are words that come before an expression.
var notTypes = map[string]bool{"return": true, "else": true, "case": true, "do": true, "in": true, "sizeof": true, "define": true}

var builtinType = regexp.MustCompile(`\b(?:auto|bool|char|short|int|long|uint|uchar|ushort|size_t|float|half|u?int\d+_t|u?int[234]|ushort[234])\s*$`)

func typeBefore(text string) bool { return builtinType.MatchString(text) }

// template finds template arguments that do not mean what they seem to.
func (l *linter) template() {
	for _, t := range l.Signature.Template {
		if t.Kind == IntArg && t.Int < 0 {
			start, end := wordIn(l.body, t.Name)
			l.warn(LintNegativeTemplate, l.Body, start, end,
				fmt.Sprintf("template argument %s is %d: MLX up to 0.32.1 puts the minus sign into the function's name, which is an error on Metal", t.Name, t.Int),
				"pass the absolute value and negate it in the body")
		}
		directive := regexp.MustCompile(`(?m)^[ \t]*#[ \t]*(?:if|elif|ifdef|ifndef)\b(?:[^\n]|\\\n)*?\b(` + t.Name + `)\b`)
		if m := directive.FindStringSubmatchIndex(l.body); m != nil && !defines(l.body, t.Name) && !defines(l.header, t.Name) {
			l.warn(LintTemplateInPreprocessor, l.Body, m[2], m[3],
				fmt.Sprintf("the preprocessor does not know the template parameter %s and takes it for 0", t.Name),
				"write if (...) or if constexpr (...), which are decided when the kernel is compiled too")
		}
	}
}

func defines(text, name string) bool {
	return regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+` + name + `\b`).MatchString(text)
}

// buffers counts parameters and finds the call for which MLX's generator
// fails.
func (l *linter) buffers() {
	if n := len(l.Signature.Params); n > MaxBuffers {
		l.warn(LintBufferSlots, nil, 0, 0,
			fmt.Sprintf("the kernel needs %d buffers, but Metal binds at most %d", n, MaxBuffers),
			"pack inputs together; each mention of NAME_shape, NAME_strides or NAME_ndim takes a buffer too, also in comments")
	}
	if len(l.Signature.Attributes) > 0 || len(l.Outputs) < 2 {
		return
	}
	for _, p := range l.Signature.Params {
		if p.Kind != InputShape && p.Kind != InputStrides && p.Kind != InputNDim {
			continue
		}
		start, end := wordIn(l.body, p.Name)
		l.warn(LintParameterList, l.Body, start, end,
			fmt.Sprintf("MLX generates broken text for a kernel with several outputs and %s but no thread attribute", p.Name),
			"mention an attribute such as thread_position_in_grid in the body")
		return
	}
}

var barrier = regexp.MustCompile(`\bthreadgroup_barrier\s*\(`)

// realSize are the attributes by which a body can tell how large its group
// really is.
var realSize = regexp.MustCompile(`\b(?:threads_per_threadgroup|simdgroups_per_threadgroup)\b`)

// launch looks at the grid and the threadgroup.
func (l *linter) launch() {
	if g := l.Group; g[0] > 0 && g[1] > 0 && g[2] > 0 {
		if n, ok := product(g); !ok || n > MaxThreads {
			l.warn(LintThreadgroupSize, nil, 0, 0,
				fmt.Sprintf("threadgroup (%d, %d, %d) has more than %d threads", g[0], g[1], g[2], MaxThreads), "make it smaller")
		}
	}
	at := barrier.FindStringIndex(l.body)
	if at == nil || realSize.MatchString(l.body) {
		return
	}
	for i, axis := range "xyz" {
		if l.Group[i] < 1 || l.Grid[i] <= l.Group[i] || l.Grid[i]%l.Group[i] == 0 {
			continue
		}
		l.warn(LintPartialGroup, l.Body, at[0], at[1]-1,
			fmt.Sprintf("threads of a group work together here, but the grid's %c of %d is no multiple of the threadgroup's %d: the last group has %d",
				axis, l.Grid[i], l.Group[i], l.Grid[i]%l.Group[i]),
			"the grid is counted in threads, not in groups: round it up to a multiple, and test bounds in the body where that is too many")
		return
	}
}

var noFence = regexp.MustCompile(`\bthreadgroup_barrier\s*\(\s*(?:metal\s*::\s*)?mem_flags\s*::\s*mem_none\s*\)`)
var threadgroupArray = regexp.MustCompile(`\bthreadgroup\s+(?:atomic\b|[\w:<>, ]+?)\s*&?\w+\s*\[`)

// outputs looks at the types of atomic outputs and at the initial value.
func (l *linter) outputs() {
	for i, d := range l.Outputs {
		name := l.Kernel.OutputNames[i]
		start, end := wordIn(l.body, name)
		if l.Kernel.AtomicOutputs && d != dtype.Int32 && d != dtype.Uint32 && d != dtype.Float32 {
			hint := "make the output int32, uint32 or float32 and convert it afterwards"
			if d == dtype.Uint64 {
				hint = "of 64-bit atomics, Metal has only unsigned min and max, and only on newer devices"
			}
			l.warn(LintAtomicType, l.Body, start, end, fmt.Sprintf("output %s would be atomic<%s>, which Metal does not have", name, d.Metal()), hint)
		}
		if l.InitValue == nil || !d.IsInteger() {
			continue
		}
		if v := *l.InitValue; float64(float32(v)) != v && !math.IsNaN(v) {
			l.warn(LintInitValue, nil, 0, 0,
				fmt.Sprintf("init_value %v passes through float32 and reaches output %s as %v", v, name, float64(float32(v))),
				"use a value that float32 can hold, or write the outputs in the kernel")
		}
	}
	if at := noFence.FindStringIndex(l.body); at != nil && threadgroupArray.MatchString(l.body) {
		l.warn(LintBarrierFlags, l.Body, at[0], at[1],
			"a barrier with mem_none makes threads wait but promises nothing about what they wrote to threadgroup memory",
			"write mem_flags::mem_threadgroup")
	}
}

// text looks at the texts themselves.
func (l *linter) text() {
	for _, t := range [...]struct {
		file *source.File
		text string
		what string
	}{{l.Body, l.body, "body"}, {l.Header, l.header, "header"}} { // comments do no harm
		at := strings.IndexFunc(t.text, func(r rune) bool { return r >= 0x80 })
		if at >= 0 {
			l.warn(LintNonASCII, t.file, at, at+1,
				fmt.Sprintf("the %s is not plain ASCII outside its comments, and MLX hands it to Metal as ASCII", t.what), "replace the character")
		}
	}
	if h := l.Kernel.Header; swallowsNextLine(h) {
		l.warn(LintHeaderEnd, l.Header, strings.LastIndexByte(h, '\n')+1, len(h),
			"the header ends without a line end, and MLX puts the kernel's first line right after it", "end the header with a line end")
	}
}

// wordIn returns where text has name as a whole word, or 0, 0.
func wordIn(text, name string) (start, end int) {
	if at := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).FindStringIndex(text); at != nil {
		return at[0], at[1]
	}
	return 0, 0
}

// blank returns text with comments, strings and characters replaced by
// spaces, byte for byte; line ends stay.
func blank(text string) string {
	b := []byte(text)
	for i := 0; i < len(b); {
		end := i
		switch {
		case strings.HasPrefix(text[i:], "//"):
			end = len(b)
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				end = i + n
			}
		case strings.HasPrefix(text[i:], "/*"):
			end = len(b)
			if n := strings.Index(text[i+2:], "*/"); n >= 0 {
				end = i + 2 + n + 2
			}
		case b[i] == '"' || b[i] == '\'' && (i == 0 || !identByte(text[i-1])):
			end = i + 1
			for end < len(b) && text[end] != text[i] && text[end] != '\n' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(b))
		}
		if end == i {
			i++
			continue
		}
		for ; i < end; i++ {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
	}
	return string(b)
}
