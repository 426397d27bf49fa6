float a = xx /* ERROR "no variable xx in this kernel; did you mean x.*UndeclaredName" */[0];
float b1 = thread_position_in_gird /* ERROR "did you mean thread_position_in_grid" */.x;
float c1 = simd_summ /* ERROR "no function simd_summ; did you mean simd_sum" */(1.0f);
float e = M /* ERROR "no variable M in this kernel" */;
int f = 1; int f /* ERROR "f is already declared in this scope .Redeclared" */ = 2;
float k = exp /* ERROR "exp is a function; it can only be called .NotAValue" */;
auto p = foo::bar /* ERROR "no namespace foo" */(1);
auto q = std::max /* ERROR "no namespace std.*Metal has no std" */(1.0f, 2.0f);
{ int inner = 1; outi[0] = inner; }
outi[0] = inner /* ERROR "no variable inner" */;
float r = outt /* ERROR "no variable outt.*did you mean out" */[0];
float pi = M_PI /* ERROR "Metal has M_PI_F" */;
using Quad = vec<Elem /* ERROR "Elem" */, 4>;
float square = x[0] ** /* ERROR "cannot dereference int.*there is no operator" */ 2;
int dims = s_ndim /* ERROR "s is a 0-dim input: it has no shape" */;
