// V is what one thread reads at once along the channels: four of them where their number allows it. U: the same in integers.
#if VEC == 4
alias V = vec4f;
alias U = vec4u;
#else
alias V = f32;
alias U = u32;
#endif
