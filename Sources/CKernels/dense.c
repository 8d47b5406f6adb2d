#include "CKernels.h"

#include <string.h>

// ThreadSanitizer is not ready yet when the loader chooses between clones.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ONE_COPY
#endif
#endif

#if defined(__x86_64__) && !defined(ONE_COPY)
#define CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

// Vectors of 16 floats: one AVX-512 register, two of AVX2, four of SSE2. They never pass through a
// function's arguments, since how they would be passed differs between the clones.
typedef float v16 __attribute__((vector_size(64)));
typedef int32_t i16 __attribute__((vector_size(64)));
typedef float unaligned16 __attribute__((vector_size(64), aligned(4), may_alias));

#define LOAD(p) (*(const unaligned16 *)(p))
#define SPREAD(x) ((x) - (v16){0})

/// Writes the columns of `sum` that exist, after the ReLU if there is one (NaN stays NaN).
static inline __attribute__((always_inline)) void finish(float *out, const v16 *sum, size_t column,
                                                         size_t columns, int relu) {
  v16 v = *sum;
  if (relu) v = (v16)((i16)v & ~(i16)(v < (v16){0}));
  if (column + 16 <= columns)
    *(unaligned16 *)(out + column) = v;
  else if (column < columns)
    memcpy(out + column, &v, (columns - column) * sizeof(float));
}

void sluice_pack_panels(const float *weights, size_t depth, size_t columns, int transposed,
                        float *packed) {
  size_t padded = sluice_padded_columns(columns);
  size_t column = 0;
  while (column < padded) {
    size_t width = padded - column >= 64 ? 64 : 16;
    for (size_t k = 0; k < depth; k++)
      for (size_t j = 0; j < width; j++) {
        size_t c = column + j;
        float value = 0;
        if (c < columns) value = transposed ? weights[c * depth + k] : weights[k * columns + c];
        *packed++ = value;
      }
    column += width;
  }
}

/// One row against all panels; only the `count` rows of the weights listed are not zero in x.
static inline __attribute__((always_inline)) void one_row(const float *x, const uint32_t *indices,
                                                          size_t count, size_t depth,
                                                          const float *packed, const float *bias,
                                                          size_t columns, int relu, float *out) {
  size_t padded = sluice_padded_columns(columns);
  size_t column = 0;
  for (; padded - column >= 64; column += 64) {
    v16 s0 = LOAD(bias + column), s1 = LOAD(bias + column + 16);
    v16 s2 = LOAD(bias + column + 32), s3 = LOAD(bias + column + 48);
    for (size_t i = 0; i < count; i++) {
      size_t k = indices[i];
      const float *w = packed + k * 64;
      v16 value = SPREAD(x[k]);
      s0 += value * LOAD(w);
      s1 += value * LOAD(w + 16);
      s2 += value * LOAD(w + 32);
      s3 += value * LOAD(w + 48);
    }
    finish(out, &s0, column, columns, relu);
    finish(out, &s1, column + 16, columns, relu);
    finish(out, &s2, column + 32, columns, relu);
    finish(out, &s3, column + 48, columns, relu);
    packed += depth * 64;
  }
  for (; column < padded; column += 16) {
    v16 sum = LOAD(bias + column);
    for (size_t i = 0; i < count; i++) {
      size_t k = indices[i];
      v16 value = SPREAD(x[k]);
      sum += value * LOAD(packed + k * 16);
    }
    finish(out, &sum, column, columns, relu);
    packed += depth * 16;
  }
}

/// Four rows against all panels.
static inline __attribute__((always_inline)) void four_rows(const float *x, size_t stride,
                                                            size_t depth, const float *packed,
                                                            const float *bias, size_t columns,
                                                            int relu, float *out) {
  size_t padded = sluice_padded_columns(columns);
  size_t column = 0;
  while (column < padded) {
    size_t width = padded - column >= 64 ? 64 : 16;
    for (size_t half = 0; half < width; half += 32) {
      int two = width - half >= 32;
      v16 a0 = LOAD(bias + column + half), a1 = a0, a2 = a0, a3 = a0;
      v16 b0 = two ? LOAD(bias + column + half + 16) : a0, b1 = b0, b2 = b0, b3 = b0;
      const float *w = packed + half;
      if (two) {
        for (size_t k = 0; k < depth; k++, w += width) {
          v16 wa = LOAD(w), wb = LOAD(w + 16);
          v16 x0 = SPREAD(x[k]), x1 = SPREAD(x[stride + k]);
          v16 x2 = SPREAD(x[2 * stride + k]), x3 = SPREAD(x[3 * stride + k]);
          a0 += x0 * wa;
          b0 += x0 * wb;
          a1 += x1 * wa;
          b1 += x1 * wb;
          a2 += x2 * wa;
          b2 += x2 * wb;
          a3 += x3 * wa;
          b3 += x3 * wb;
        }
      } else {
        for (size_t k = 0; k < depth; k++, w += width) {
          v16 wa = LOAD(w);
          a0 += x[k] * wa;
          a1 += x[stride + k] * wa;
          a2 += x[2 * stride + k] * wa;
          a3 += x[3 * stride + k] * wa;
        }
      }
      size_t c = column + half;
      finish(out, &a0, c, columns, relu);
      finish(out + columns, &a1, c, columns, relu);
      finish(out + 2 * columns, &a2, c, columns, relu);
      finish(out + 3 * columns, &a3, c, columns, relu);
      if (two) {
        finish(out, &b0, c + 16, columns, relu);
        finish(out + columns, &b1, c + 16, columns, relu);
        finish(out + 2 * columns, &b2, c + 16, columns, relu);
        finish(out + 3 * columns, &b3, c + 16, columns, relu);
      }
    }
    packed += depth * width;
    column += width;
  }
}

CLONES
void sluice_dense(const float *x, size_t rows, size_t stride, size_t depth, const float *packed,
                  const float *bias, size_t columns, int relu, uint32_t *indices, float *out) {
  size_t row = 0;
  for (; row + 4 <= rows; row += 4)
    four_rows(x + row * stride, stride, depth, packed, bias, columns, relu, out + row * columns);
  for (; row < rows; row++) {
    const float *values = x + row * stride;
    // After a ReLU about half of the inputs are zero: their weights need not be read. Adding
    // 0 * w changes no sum (the weights are finite), so this equals the four-row path.
    size_t count = 0;
    for (size_t k = 0; k < depth; k++) {
      indices[count] = (uint32_t)k;
      count += values[k] != 0;
    }
    one_row(values, indices, count, depth, packed, bias, columns, relu, out + row * columns);
  }
}

CLONES
void sluice_sparse_dense(const int32_t *hot, size_t hotCount, const float *numeric,
                         const int32_t *rowOfNumeric, size_t numericCount, size_t rows,
                         size_t depth, const float *packed, const float *bias, size_t columns,
                         int relu, float *out) {
  size_t padded = sluice_padded_columns(columns);
  for (size_t row = 0; row < rows; row++) {
    const float *panel = packed;
    size_t column = 0;
    for (; padded - column >= 64; column += 64) {
      v16 s0 = LOAD(bias + column), s1 = LOAD(bias + column + 16);
      v16 s2 = LOAD(bias + column + 32), s3 = LOAD(bias + column + 48);
      for (size_t h = 0; h < hotCount; h++) {
        if (hot[h] < 0) continue;
        const float *w = panel + (size_t)hot[h] * 64;
        s0 += LOAD(w);
        s1 += LOAD(w + 16);
        s2 += LOAD(w + 32);
        s3 += LOAD(w + 48);
      }
      for (size_t q = 0; q < numericCount; q++) {
        const float *w = panel + (size_t)rowOfNumeric[q] * 64;
        v16 value = SPREAD(numeric[q]);
        s0 += value * LOAD(w);
        s1 += value * LOAD(w + 16);
        s2 += value * LOAD(w + 32);
        s3 += value * LOAD(w + 48);
      }
      finish(out, &s0, column, columns, relu);
      finish(out, &s1, column + 16, columns, relu);
      finish(out, &s2, column + 32, columns, relu);
      finish(out, &s3, column + 48, columns, relu);
      panel += depth * 64;
    }
    for (; column < padded; column += 16) {
      v16 sum = LOAD(bias + column);
      for (size_t h = 0; h < hotCount; h++)
        if (hot[h] >= 0) sum += LOAD(panel + (size_t)hot[h] * 16);
      for (size_t q = 0; q < numericCount; q++) {
        v16 value = SPREAD(numeric[q]);
        sum += value * LOAD(panel + (size_t)rowOfNumeric[q] * 16);
      }
      finish(out, &sum, column, columns, relu);
      panel += depth * 16;
    }
    hot += hotCount;
    numeric += numericCount;
    out += columns;
  }
}
