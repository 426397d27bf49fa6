-- header --
#include <metal_stdlib>
using namespace metal;
float one(float a) { return a; }
float two(float a, int b = 1) { return a + b; }
template <typename T, int M> T scaled(T a) { return a * M; }
void bump(thread float& v) { v += 1; }
float total(const device float* p, int n) { float t = 0; for (int i = 0; i < n; i++) t += p[i]; return t; }
float first(float* p) { return p[0]; }
int fact(int n) { return n <= 1 ? 1 : n * fact(n - 1) /* ERROR "fact calls itself .Recursion. .*use a loop" */; }
float over(int a) { return 1; }
float over(half a) { return 2; }
float nothing(float a) /* ERRORLINE "nothing returns float but has no return statement .MissingReturn." */ { a += 1; }
void none(float a) { return a /* ERROR "none returns nothing, and this is float .InvalidReturn." */; }
int ret(float a) { return /* ERROR "ret has to return int .InvalidReturn." */; }
float shared_use(float a) { threadgroup float t /* ERROR "declared in the kernel's body only .MisplacedStorage. .*pass a threadgroup pointer" */[4]; return a; }
float attr(float a) { return a + thread_position_in_grid /* ERROR "no variable thread_position_in_grid.*pass it to the helper" */.x; }
float unused_one(float a) { return a + nope /* WARNINGLINE "in a function that the kernel does not call: no variable nope in this kernel.* .UnusedFunction." */; }
float table /* ERROR "a variable outside functions has to be constant .MisplacedStorage. .*constant float" */ = 1;
constant float bad_value = y0 /* ERROR "no variable y0" */;
float autos(auto v /* ERROR "auto is no type for a function's parameter .UnsupportedFeature. .*template" */) { return v; }

-- body --
out[0] = one() /* ERROR "one takes 1 arguments?, not 0 .WrongArgCount." */;
out[1] = one(x) /* ERRORLINE "cannot pass argument 1 of one: it is const device float., and float is needed" */;
out[2] = two(1, 2, 3) /* ERROR "two takes 1 to 2 arguments, not 3" */;
out[3] = scaled(1.0f) /* ERROR "template argument M of scaled cannot be deduced .NoMatch. write it: scaled<" */;
bump(1.0f /* ERRORLINE "a reference to thread float is needed .NoMatch." */);
bump(out[0] /* ERRORLINE "argument 1 of bump is float.*reference to thread float" */);
out[4] = total(out + 1, 2) + total(s /* ERROR "cannot pass argument 1 of total" */, 2);
out[5] = first(out /* ERRORLINE "it is device float., and thread float. is needed .AddressSpace. declare it as a device pointer" */);
out[6] = fact(3);
out[7] = over(1.5f) /* ERROR "fits several functions as well .Ambiguous. cast an argument" */;
out[8] = nothing(1);
none(1);
out[9] = ret(1);
out[10] = shared_use(1);
out[11] = attr(1);
out[12] = table;
out[13] = bad_value;
out[14] = autos(1);
out[15] = scaled<float, x /* ERRORLINE "template argument" */>(1.0f);
out[16] = scaled<3, 4>(1.0f) /* ERRORLINE "no function scaled takes .float." */;
float4 v = float4(1);
bump(v.x /* ERROR "no references to an element of a vector .NotAssignable." */);
