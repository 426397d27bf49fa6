package parse

// This file implements the values of number, character and string literals.

import (
	"math"
	"strconv"
	"strings"
)

// parseNumber returns the node of a number, or a message and a hint.
func parseNumber(t *token) (x Expr, msg, hint string) {
	s := t.text
	if len(s) < 10 && strings.Trim(s, "0123456789") == "" && (s[0] != '0' || len(s) == 1) {
		v := uint64(0)
		for i := range len(s) {
			v = v*10 + uint64(s[i]-'0')
		}
		return &IntLit{At: At{t.span}, Value: v, Decimal: true}, "", ""
	}
	if strings.IndexByte(s, '\'') >= 0 {
		s = strings.ReplaceAll(s, "'", "")
	}
	base, digits := 10, s
	if len(s) > 1 && s[0] == '0' {
		switch s[1] | 0x20 {
		case 'x':
			base, digits = 16, s[2:]
		case 'b':
			base, digits = 2, s[2:]
		}
	}
	isFloat := strings.IndexByte(s, '.') >= 0 ||
		base == 10 && strings.ContainsAny(s, "eE") || base == 16 && strings.ContainsAny(s, "pP")
	if isFloat {
		return parseFloat(t, s, base)
	}
	n := 0
	for n < len(digits) && digitValue(digits[n]) < base {
		n++
	}
	digits, suffix := digits[:n], digits[n:]
	lit := &IntLit{At: At{t.span}, Decimal: base == 10}
	switch strings.ToLower(suffix) {
	case "":
	case "u":
		lit.Unsigned = true
	case "l", "ll", "z":
		lit.Long = true
	case "ul", "lu", "ull", "llu", "uz":
		lit.Unsigned, lit.Long = true, true
	case "f", "h", "bf":
		return nil, "number " + clip(t.text) + " has a floating suffix but no point", "write " + digits + ".0" + suffix
	default:
		return nil, "number " + clip(t.text) + " has an unknown suffix " + clip(suffix), "integer suffixes are u, l and ul; floating ones are f, h and bf"
	}
	if digits == "" {
		return nil, "number " + clip(t.text) + " has no digits", ""
	}
	if base == 10 && len(digits) > 1 && digits[0] == '0' {
		base, lit.Decimal = 8, false
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		if base == 8 && strings.ContainsAny(digits, "89") {
			return nil, "number " + clip(t.text) + " starts with 0, so it is octal, and has a digit above 7", "drop the leading 0"
		}
		return nil, "number " + clip(t.text) + " does not fit in 64 bits", ""
	}
	lit.Value = v
	if v > math.MaxUint32 || lit.Decimal && !lit.Unsigned && v > math.MaxInt32 {
		lit.Long = true
	}
	return lit, "", ""
}

func parseFloat(t *token, s string, base int) (x Expr, msg, hint string) {
	lit := &FloatLit{At: At{t.span}}
	low := strings.ToLower(s)
	switch {
	case base == 16 && strings.HasSuffix(low, "bf") && !strings.Contains(low, "p"):
	case strings.HasSuffix(low, "bf"):
		lit.Suffix, s = 'b', s[:len(s)-2]
	case strings.HasSuffix(low, "f"):
		lit.Suffix, s = 'f', s[:len(s)-1]
	case strings.HasSuffix(low, "h"):
		lit.Suffix, s = 'h', s[:len(s)-1]
	case strings.HasSuffix(low, "l"):
		return nil, "number " + clip(t.text) + " is a long double, which the kernel language has not", "write it with the suffix f"
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(v, 0) || strings.Contains(s, "_") {
		return nil, "number " + clip(t.text) + " is malformed", "floating numbers look like 1.0f, .5, 2e-3f or 0x1.8p3; suffixes are f, h and bf"
	}
	lit.Text, lit.Value = s, v
	return lit, "", ""
}

func digitValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 99
}

// unquote returns the bytes of a quoted literal, and whether it is well formed.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[len(s)-1] != s[0] {
		return "", false
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", false
		}
		if k := strings.IndexByte("ntr0abfv\\'\"?", s[i]); k >= 0 && s[i] != '0' {
			b.WriteByte("\n\t\r\x00\a\b\f\v\\'\"?"[k])
			continue
		}
		base, n := 8, 3
		if s[i] == 'x' {
			base, n = 16, 2
			i++
		}
		v, k := 0, 0
		for ; k < n && i < len(s) && digitValue(s[i]) < base; k++ {
			v = v*base + digitValue(s[i])
			i++
		}
		if k == 0 || v > 255 {
			return "", false
		}
		i--
		b.WriteByte(byte(v))
	}
	return b.String(), true
}

// parseChar returns the node of a character literal, or nil.
func parseChar(t *token) Expr {
	s, ok := unquote(t.text)
	if !ok || len(s) != 1 {
		return nil
	}
	return &IntLit{At: At{t.span}, Value: uint64(s[0]), Char: true}
}
