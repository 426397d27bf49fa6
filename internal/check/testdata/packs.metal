-- header --
template <typename... /* ERRORLINE "parameter packs are not in the kernel language .UnsupportedFeature" */ Ts> float many(Ts... v);
-- body --
out[0] = 1;
