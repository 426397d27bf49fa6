package check

// This file implements the codes of the errors that checking reports. Each is
// documented with an example in docs/errors.md.

import "github.com/zmlx-go/zmlx/internal/source"

const (
	UndeclaredName     source.Code = "UndeclaredName"     // a name nothing declares
	UndeclaredFunction source.Code = "UndeclaredFunction" // a call of a function nothing declares
	UndeclaredType     source.Code = "UndeclaredType"     // a type nothing declares
	Redeclared         source.Code = "Redeclared"         // a second declaration in the same scope
	NotAType           source.Code = "NotAType"           // a value where a type is needed
	NotAValue          source.Code = "NotAValue"          // a type or function where a value is needed
	MismatchedTypes    source.Code = "MismatchedTypes"    // operands or values whose types do not go together
	ImplicitBFloat     source.Code = "ImplicitBFloat"     // a float where a bfloat is needed: Metal wants a cast
	InvalidCast        source.Code = "InvalidCast"        // a cast between types that have none
	InvalidOperand     source.Code = "InvalidOperand"     // an operator on a type that has none
	AddressSpace       source.Code = "AddressSpace"       // a pointer or reference into the wrong address space
	NotAssignable      source.Code = "NotAssignable"      // an assignment to something that is not an lvalue
	AssignToConst      source.Code = "AssignToConst"      // an assignment to something const
	NoMatch            source.Code = "NoMatch"            // arguments that fit no overload
	Ambiguous          source.Code = "Ambiguous"          // arguments that fit several overloads as well
	WrongArgCount      source.Code = "WrongArgCount"      // too few or too many arguments
	NoMember           source.Code = "NoMember"           // a field, method or swizzle that does not exist
	NotConstant        source.Code = "NotConstant"        // a value that has to be known at compile time
	InvalidSize        source.Code = "InvalidSize"        // a length that no array or vector can have
	IndexOutside       source.Code = "IndexOutside"       // a constant index outside a vector; for an array, a warning
	InvalidInit        source.Code = "InvalidInit"        // an initialiser that does not fit
	StaticAssertFailed source.Code = "StaticAssertFailed" // static_assert
	MisplacedJump      source.Code = "MisplacedJump"      // break or continue outside a loop
	MissingReturn      source.Code = "MissingReturn"      // a value-returning function that returns none
	InvalidReturn      source.Code = "InvalidReturn"      // a return that does not fit the function
	Recursion          source.Code = "Recursion"          // a function that calls itself
	MisplacedStorage   source.Code = "MisplacedStorage"   // a threadgroup or constant variable where none can be
	UnsupportedFeature source.Code = "UnsupportedFeature" // a part of Metal that the kernel language leaves out
	TooComplex         source.Code = "TooComplex"         // templates nested or instantiated without end
	ConstantSpace      source.Code = "ConstantSpace"      // warning: device and constant pointers mixed
	NotAnAtomic        source.Code = "NotAnAtomic"        // an atomic function on something that is not atomic
	AtomicAccess       source.Code = "AtomicAccess"       // a plain read or write of an atomic
	DuplicateCase      source.Code = "DuplicateCase"      // two equal labels in a switch
	InternalError      source.Code = "InternalError"      // a fault of the checker itself
	UnusedFunction     source.Code = "UnusedFunction"     // warning: an error in a function that nothing calls
)
