-- header --
template <int M> struct Deep { static constexpr int v = Deep<M + 1>::v /* ERRORLINE "templates nest without end, or nearly so .TooComplex." */; };
-- body --
outi[0] = Deep<0>::v;
