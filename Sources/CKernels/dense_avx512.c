// Dense kernels for AVX-512.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,bmi,bmi2,popcnt"))), \
    apply_to = function)

static inline uint32_t not_zero_16_avx512(const float *x) {
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(x), _mm512_setzero_ps(), _CMP_NEQ_UQ);
}

#define NAMED(name) name##_avx512
#define WIDTH 2
#define NARROW_TO 8
#define SPARSE_FROM 32
#include "dense_rows.h"

#pragma clang attribute pop
#endif
