package parse

// This file implements tokens: their kinds, spellings and keywords.

import "github.com/zmlx-go/zmlx/internal/source"

// A kind is the class of a token; every operator and keyword has its own.
type kind uint8

const (
	tEOF   kind = iota
	tEOL        // end of a directive's line
	tOther      // a character that starts no token
	tIdent
	tNumber
	tChar
	tString

	tLParen
	tRParen
	tLBrack
	tRBrack
	tLBrace
	tRBrace
	tSemi
	tComma
	tColon
	tColon2
	tQuestion
	tDot
	tDotStar
	tArrow
	tArrowStar
	tEllipsis
	tHash
	tHash2
	tTilde
	tNot
	tInc
	tDec

	tStar
	tSlash
	tPercent
	tPlus
	tMinus
	tShl
	tShr // never scanned: two tGt that touch, see fGlued
	tLt
	tGt
	tLe
	tGe
	tEq
	tNe
	tAmp
	tCaret
	tPipe
	tAnd
	tOr

	tAssign
	tMulEq
	tDivEq
	tModEq
	tAddEq
	tSubEq
	tShlEq
	tShrEq // never scanned: tGt and tGe that touch
	tAndEq
	tXorEq
	tOrEq

	firstKeyword
	// types and specifiers
	kVoid
	kBool
	kChar
	kShort
	kInt
	kLong
	kFloat
	kDouble
	kSigned
	kUnsigned
	kAuto
	kDecltype
	kTypename
	kConst
	kVolatile
	kDevice
	kConstant
	kThreadgroup
	kThread
	kImageblock
	kConstexpr
	kStatic
	kInline
	kExtern
	kMutable
	kExplicit
	kFriend
	kVirtual
	kRegister
	kRestrict
	kKernel
	kAttribute
	kAlignas
	kNoexcept
	kTypedef
	kUsing
	kTemplate
	kStruct
	kClass
	kUnion
	kEnum
	kNamespace
	kStaticAssert
	kOperator
	kPublic
	kPrivate
	kProtected
	// statements
	kIf
	kElse
	kFor
	kWhile
	kDo
	kSwitch
	kCase
	kDefault
	kBreak
	kContinue
	kReturn
	kGoto
	kTry
	kCatch
	kAsm
	// expressions
	kTrue
	kFalse
	kNullptr
	kThis
	kSizeof
	kAlignof
	kStaticCast
	kReinterpretCast
	kConstCast
	kDynamicCast
	kTypeid
	kNew
	kDelete
	kThrow
	kCoAwait
	kThreadLocal
	numKinds
)

var spelling = [numKinds]string{
	tLParen: "(", tRParen: ")", tLBrack: "[", tRBrack: "]", tLBrace: "{", tRBrace: "}", tSemi: ";", tComma: ",",
	tColon: ":", tColon2: "::", tQuestion: "?", tDot: ".", tDotStar: ".*", tArrow: "->", tArrowStar: "->*",
	tEllipsis: "...", tHash: "#", tHash2: "##", tTilde: "~", tNot: "!", tInc: "++", tDec: "--",
	tStar: "*", tSlash: "/", tPercent: "%", tPlus: "+", tMinus: "-", tShl: "<<", tShr: ">>", tLt: "<", tGt: ">",
	tLe: "<=", tGe: ">=", tEq: "==", tNe: "!=", tAmp: "&", tCaret: "^", tPipe: "|", tAnd: "&&", tOr: "||",
	tAssign: "=", tMulEq: "*=", tDivEq: "/=", tModEq: "%=", tAddEq: "+=", tSubEq: "-=", tShlEq: "<<=", tShrEq: ">>=",
	tAndEq: "&=", tXorEq: "^=", tOrEq: "|=",

	kVoid: "void", kBool: "bool", kChar: "char", kShort: "short", kInt: "int", kLong: "long", kFloat: "float",
	kDouble: "double", kSigned: "signed", kUnsigned: "unsigned", kAuto: "auto", kDecltype: "decltype",
	kTypename: "typename", kConst: "const", kVolatile: "volatile", kDevice: "device", kConstant: "constant",
	kThreadgroup: "threadgroup", kThread: "thread", kImageblock: "threadgroup_imageblock", kConstexpr: "constexpr",
	kStatic: "static", kInline: "inline", kExtern: "extern", kMutable: "mutable", kExplicit: "explicit",
	kFriend: "friend", kVirtual: "virtual", kRegister: "register", kRestrict: "__restrict", kKernel: "kernel",
	kAttribute: "__attribute__", kAlignas: "alignas", kNoexcept: "noexcept", kTypedef: "typedef", kUsing: "using",
	kTemplate: "template", kStruct: "struct", kClass: "class", kUnion: "union", kEnum: "enum",
	kNamespace: "namespace", kStaticAssert: "static_assert", kOperator: "operator", kPublic: "public",
	kPrivate: "private", kProtected: "protected",
	kIf: "if", kElse: "else", kFor: "for", kWhile: "while", kDo: "do", kSwitch: "switch", kCase: "case",
	kDefault: "default", kBreak: "break", kContinue: "continue", kReturn: "return", kGoto: "goto", kTry: "try",
	kCatch: "catch", kAsm: "asm",
	kTrue: "true", kFalse: "false", kNullptr: "nullptr", kThis: "this", kSizeof: "sizeof", kAlignof: "alignof",
	kStaticCast: "static_cast", kReinterpretCast: "reinterpret_cast", kConstCast: "const_cast",
	kDynamicCast: "dynamic_cast", kTypeid: "typeid", kNew: "new", kDelete: "delete", kThrow: "throw",
	kCoAwait: "co_await", kThreadLocal: "thread_local",
}

// keywords maps words to kinds: keywords, second spellings of keywords, and
// the operators that are words.
var keywords = func() map[string]kind {
	m := map[string]kind{
		"__kernel": kKernel, "__restrict__": kRestrict, "restrict": kRestrict, "__inline": kInline,
		"__inline__": kInline, "__volatile__": kVolatile, "__const": kConst, "_Static_assert": kStaticAssert,
		"_Alignof": kAlignof, "__alignof__": kAlignof, "__asm": kAsm, "__asm__": kAsm, "co_yield": kCoAwait,
		"co_return": kCoAwait, "and": tAnd, "or": tOr, "not": tNot, "xor": tCaret, "bitand": tAmp, "bitor": tPipe,
		"compl": tTilde, "not_eq": tNe, "and_eq": tAndEq, "or_eq": tOrEq, "xor_eq": tXorEq,
	}
	for k := kVoid; k < numKinds; k++ {
		m[spelling[k]] = k
	}
	return m
}()

// Flags of tokens.
const (
	fSpace    uint8 = 1 << iota // white space or a comment comes before
	fGlued                      // follows a > without space, so that > > are >>
	fLine                       // first on its line
	fNoExpand                   // a macro's own name in its expansion: left alone for ever
)

// A token is one word of the text, or of a macro's replacement. Its span is
// in the text; tokens out of a replacement have the span of the macro's use.
type token struct {
	text  string
	span  source.Span
	kind  kind
	flags uint8
}

// word reports whether a token can be the name of a macro.
func (t *token) word() bool { return t.kind == tIdent || t.kind > firstKeyword }

// String describes a token for messages.
func (t *token) String() string {
	switch t.kind {
	case tEOF:
		return "end of text"
	case tEOL:
		return "end of line"
	case tIdent, tNumber, tChar, tString, tOther:
		return clip(t.text)
	}
	return "'" + spelling[t.kind] + "'"
}

func clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return "'" + s + "'"
}

// join returns the smallest span that holds a and b. Tokens out of macros may
// stand in any order, so that neither need come first.
func join(a, b source.Span) source.Span {
	if !a.Valid() {
		return b
	}
	if !b.Valid() {
		return a
	}
	return source.Span{Pos: min(a.Pos, b.Pos), End: max(a.End, b.End)}
}
