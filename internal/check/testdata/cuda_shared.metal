__shared__ /* ERRORLINE "threadgroup" */ float tile[32];
out[0] = 1;
