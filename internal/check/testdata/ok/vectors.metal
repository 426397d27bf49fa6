-- header --
inline float4 cond(float4 v) { return v.x > 0 ? v : -v; }
-- body --
float4 v = float4(1), w = {1, 2, 3, 4}; float3 p3 = w.xyz; half4 hv = half4(v); uint2 uv = uint2(1, 2); packed_float3 pk = p3; float3 un = pk; vec<float, 4> g4 = v; vec<T, 2> tv = vec<T, 2>(1, 2);
v.xy = w.zw; v.x += 1; v.rgb = w.bgr; v = v * 2 + w / v - 1; v *= 0.5f; hv *= 2.0f; bool4 m = v > w; bool any_m = any(m) || all(v == w) || !any(v != w);
v = select(v, w, m); v = fma(v, w, float4(0)); v = max(v, 0.0f); v = clamp(v, 0.0f, 1.0f); v = mix(v, w, 0.5f); v = metal::exp(v) + fast::log(v) + precise::sqrt(v); v = pow(v, float4(2));
float d = dot(v, w) + length(p3) + distance(v, w) + normalize(p3).x + cross(p3, un).y; uint c = uv.x; int idx = y[0] & 3; float e = v[idx] + v[2]; v[idx] = 1;
uint4 bits = as_type<uint4>(v); float4 back = as_type<float4>(bits ^ 1u); ushort2 hs = as_type<ushort2>(1.5f); bits = bits << 2u; bits >>= uint4(1); uchar4 bytes4 = as_type<uchar4>(bits.x); int4 i4 = int4(v) % 3; i4 = -i4; i4 = ~i4 & 7;
float4 mixed = float4(p3, 1) + float4(1, p3.xy, 2) + float4(v.xy, v.zw); float2 f2 = mixed.xz; auto sw = (v + w).wzyx; const float4 cv = v; float x0 = cv.x;
bfloat4 b4 = bfloat4(v); b4 = b4 + b4; float4 fb = float4(b4); half2 h2 = *(const device half2*)(h); float4 zero = {}; float4 t3 = cond(v) ;
out[0] = d + e + c + back.x + f2.y + sw.x + x0 + fb.x + h2.x + zero.x + hs.x + bytes4.y + i4.z + any_m + tv.x + g4.y + t3.x; thread float4* vp = &v; vp->x = 1; (*vp).y = 2; thread float4& vr = v; vr.z = 3; float4 arr[2] = {v, {1, 2, 3, 4}}; arr[1].x = 2; arr[0][1] = 3;
