break /* ERROR "break outside a loop .MisplacedJump." */;
continue /* ERROR "continue outside a loop .MisplacedJump." */;
switch (y[0]) { case 1: out[0] = 1; break; case 1 /* ERROR "case 1 occurs twice .DuplicateCase." */: break; }
switch (x[0] /* ERROR "switch needs an integer, not float .MismatchedTypes." */) { default: break; }
switch (y[0]) { case 0: int t /* ERROR "jump to a later case passes the initialisation of t .InvalidInit. .*braces" */ = 1; outi[0] = t; break; case 2: break; }
switch (y[0]) { default: break; default /* ERROR "a second default" */: break; }
int m = y[0];
switch (m) { case m /* ERROR "known at compile time .NotConstant." */: break; }
if constexpr (m > 1 /* ERROR "known at compile time .NotConstant." */) { out[0] = 1; }
static_assert(N == 5, "N has to be 5") /* ERRORLINE "static_assert failed: N has to be 5 .StaticAssertFailed." */;
return 1 /* ERROR "a kernel's body returns no value .InvalidReturn. write to an output" */;
