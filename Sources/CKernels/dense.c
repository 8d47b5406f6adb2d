#include "CKernels.h"

#include <stdatomic.h>

// The dense kernels for any processor, and the choice between them and the better ones.

static inline uint32_t not_zero_16_any(const float *x) {
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++) mask |= (uint32_t)(x[i] != 0) << i;
  return mask;
}

#define NAMED(name) name##_any
#define WIDTH 1
#define NARROW_TO 8
#define SPARSE_FROM 48
#include "dense_rows.h"

void sluice_pack_panels(const float *weights, size_t depth, size_t columns, int transposed,
                        float *packed) {
  size_t padded = sluice_padded_columns(columns);
  for (size_t column = 0; column < padded; column += 64) {
    size_t width = padded - column < 64 ? padded - column : 64;
    for (size_t k = 0; k < depth; k++)
      for (size_t j = 0; j < width; j++) {
        size_t c = column + j;
        float value = 0;
        if (c < columns) value = transposed ? weights[c * depth + k] : weights[k * columns + c];
        *packed++ = value;
      }
  }
}

#define DENSE(name)                                                                           \
  void name(const float *x, size_t rows, size_t stride, size_t depth, const float *packed,    \
            const float *bias, size_t columns, int relu, void *scratch, float *out)
#define TERMS(name)                                                                           \
  void name(const int32_t *places, const float *values, size_t terms, size_t rows,            \
            size_t depth, const float *packed, const float *bias, size_t columns, int relu,   \
            float *out)

#if defined(__x86_64__)
DENSE(sluice_dense_avx512);
DENSE(sluice_dense_avx2);
TERMS(sluice_dense_terms_avx512);
TERMS(sluice_dense_terms_avx2);

static int native_level(void) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
    return SLUICE_DENSE_ANY;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl"))
    return SLUICE_DENSE_AVX2;
  return SLUICE_DENSE_AVX512;
}
#else
static int native_level(void) { return SLUICE_DENSE_ANY; }
#endif

// -1: not looked up yet. Two threads that look at once find the same.
static _Atomic int level = -1;

int sluice_dense_level(void) {
  int known = atomic_load_explicit(&level, memory_order_relaxed);
  if (known < 0) {
    known = native_level();
    atomic_store_explicit(&level, known, memory_order_relaxed);
  }
  return known;
}

void sluice_dense_limit(int limit) {
  int native = native_level();
  atomic_store_explicit(&level, limit < native ? limit : native, memory_order_relaxed);
}

void sluice_dense_at(int set, const float *x, size_t rows, size_t stride, size_t depth,
                     const float *packed, const float *bias, size_t columns, int relu,
                     void *scratch, float *out) {
#if defined(__x86_64__)
  if (set == SLUICE_DENSE_AVX512) {
    sluice_dense_avx512(x, rows, stride, depth, packed, bias, columns, relu, scratch, out);
    return;
  }
  if (set == SLUICE_DENSE_AVX2) {
    sluice_dense_avx2(x, rows, stride, depth, packed, bias, columns, relu, scratch, out);
    return;
  }
#endif
  (void)set;
  sluice_dense_any(x, rows, stride, depth, packed, bias, columns, relu, scratch, out);
}

DENSE(sluice_dense) {
  sluice_dense_at(sluice_dense_level(), x, rows, stride, depth, packed, bias, columns, relu,
                  scratch, out);
}

TERMS(sluice_dense_terms) {
#if defined(__x86_64__)
  int set = sluice_dense_level();
  if (set == SLUICE_DENSE_AVX512) {
    sluice_dense_terms_avx512(places, values, terms, rows, depth, packed, bias, columns, relu,
                              out);
    return;
  }
  if (set == SLUICE_DENSE_AVX2) {
    sluice_dense_terms_avx2(places, values, terms, rows, depth, packed, bias, columns, relu, out);
    return;
  }
#endif
  sluice_dense_terms_any(places, values, terms, rows, depth, packed, bias, columns, relu, out);
}
