-- header --
template <int M> int wide(int a) { return wide<M * 3 + 1>(a) + wide<M * 3 + 2>(a) /* ERRORLINE "nest without end, or nearly so .TooComplex." */; }
-- body --
outi[0] = wide<1>(1);
