// Dense kernels for AVX2 with FMA.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,popcnt"))), \
                             apply_to = function)

static inline uint32_t not_zero_16_avx2(const float *x) {
  __m256 zero = _mm256_setzero_ps();
  int low = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x), zero, _CMP_NEQ_UQ));
  int high = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x + 8), zero, _CMP_NEQ_UQ));
  return (uint32_t)low | (uint32_t)high << 8;
}

#define NAMED(name) name##_avx2
#define WIDTH 1
#define NARROW_TO 4
#define SPARSE_FROM 48
#include "dense_rows.h"

#pragma clang attribute pop
#endif
