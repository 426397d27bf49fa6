texture2d<float> /* ERRORLINE "texture2d is not in the kernel language .UnsupportedFeature. only MLX on a Mac" */ t;
float4x4 /* ERRORLINE "float4x4 is not in the kernel language" */ m;
constexpr sampler smp /* ERRORLINE "sampler is not in the kernel language" */ ;
out[0] = "text"[0] /* ERRORLINE "strings are not in the kernel language" */;
