// V is what one thread reads at once along the channels: four of them where their number allows it.
#if VEC == 4
alias V = vec4f;
#else
alias V = f32;
#endif
