-- header --
struct P { float a; int b; float sum() const { return a + b; } void set(float v) { a = v; } };
struct Q { float a; Q(float v) : a(v) {} };
struct R { R /* ERRORLINE "a field cannot have this type|contain itself" */ inner; };
struct B : P /* ERROR "base classes are not in the kernel language .UnsupportedFeature. make the base a field" */ { int c; };
union U /* ERRORLINE "unions? .*as_type" */ { float f; uint i; };
enum class Mode { Fast, Slow };
template <typename T> struct Box { T v; };
struct Late;
-- body --
P p = {1, 2};
out[0] = p.c /* ERROR "P has no member c .NoMember." */;
out[1] = p.total() /* ERRORLINE "P has no method total .NoMember." */;
const P k = {1, 2};
k.set(1) /* ERROR "k is const, and the method set is not .AssignToConst. declare the method const" */;
k.a = 2 /* ERRORLINE "k is const" */;
out[2] = p /* ERROR "it is P, and float is needed" */;
P q = {1, 2, 3 /* ERRORLINE "3 values for the 2 fields of P .InvalidInit." */};
P r = P(1, 2) /* ERRORLINE "P has no constructor for 2 values .NoMatch. .*braces" */;
Q t = Q(1, 2) /* ERROR "Q takes 1 arguments?, not 2" */;
out[3] = p->a /* ERRORLINE "-> needs a pointer, and this is P .InvalidOperand. use ." */;
thread P* pp = &p;
out[4] = pp.a /* ERROR "a pointer has no member a .NoMember. use ->" */;
out[5] = p + p /* ERROR "operator . does not take P and P" */;
p += 1 /* ERRORLINE "operator .= does not take P and int|operator" */;
if (p) /* ERRORLINE "P is not a condition" */ { out[6] = 1; }
R rr;
B bb;
Mode m = Mode::Fast;
Mode m2 = Mode::Quick /* ERROR "Quick" */;
Box /* ERRORLINE "template argument" */ box;
Box<float> ok; ok.v = 1;
Late /* ERRORLINE "Late is declared but never defined .UndeclaredType." */ late;
out[7] = P::nope /* ERRORLINE "nope" */;
