// The dense kernels' text, included once by the file of each instruction set, which defines
//   NAMED(name)  the name with the set's ending
//   WIDTH        registers of 16 floats beside each other when four rows are computed together
#include <string.h>

#include "Dense.h"

// Vectors of 16 floats: one AVX-512 register, two of AVX2, four of SSE2. They never pass through
// an argument list, since how they would be passed differs between the sets.
typedef float v16 __attribute__((vector_size(64)));
typedef int32_t i16 __attribute__((vector_size(64)));
typedef float unaligned16 __attribute__((vector_size(64), aligned(4), may_alias));

#define LOAD(p) (*(const unaligned16 *)(p))
#define STORE(p, v) (*(unaligned16 *)(p) = (v))
#define SPREAD(x) ((x) - (v16){0})
#define INLINE static inline __attribute__((always_inline))

// Rows that go through all weights together, and inputs whose weights stay in the nearest cache
// meanwhile.
enum { ROWS = 32, TILE = 64 };

/// Writes the columns of `sums` that exist, with bias and ReLU.
INLINE void finish(float *out, const v16 *sums, const int n, const float *bias, size_t columns,
                   int relu) {
  for (int i = 0; i < n; i++) {
    v16 v = sums[i] + LOAD(bias + i * 16);
    if (relu) v = (v16)((i16)v & ~(i16)(v < (v16){0}));
    size_t column = (size_t)i * 16;
    if (column + 16 <= columns)
      STORE(out + column, v);
    else if (column < columns)
      memcpy(out + column, &v, (columns - column) * sizeof(float));
  }
}

/// Four rows against `n` registers of columns; weights of one input are `step` floats apart.
INLINE void four_rows(const float *x, size_t stride, size_t depth, const float *w, size_t step,
                      const int n, const float *bias, size_t left, size_t columns, int relu,
                      float *out) {
  v16 s[4][2] = {{{0}}};
  for (size_t k = 0; k < depth; k++, w += step)
    for (int r = 0; r < 4; r++) {
      v16 value = SPREAD(x[(size_t)r * stride + k]);
      for (int i = 0; i < n; i++) s[r][i] += value * LOAD(w + i * 16);
    }
  for (int r = 0; r < 4; r++) finish(out + (size_t)r * columns, s[r], n, bias, left, relu);
}

/// Which of up to 64 inputs are not zero.
INLINE uint64_t not_zero(const float *x, size_t count) {
  uint64_t mask = 0;
  size_t k = 0;
  for (; k + 16 <= count; k += 16) mask |= (uint64_t)NAMED(not_zero_16)(x + k) << k;
  for (; k < count; k++) mask |= (uint64_t)(x[k] != 0) << k;
  return mask;
}

/// Adds the inputs in `mask` times their weights to `n` registers of sums.
INLINE void add_inputs(v16 *s, const int n, uint64_t mask, const float *x, const float *w) {
  while (mask) {
    size_t k = (size_t)__builtin_ctzll(mask);
    mask &= mask - 1;
    v16 value = SPREAD(x[k]);
    const float *row = w + k * (size_t)n * 16;
    for (int i = 0; i < n; i++) s[i] += value * LOAD(row + i * 16);
  }
}

/// Rows one by one against one panel of `n` registers, without the inputs that are zero.
INLINE void sparse_rows(const float *x, size_t rows, size_t stride, size_t depth,
                        const uint64_t *masks, const float *panel, const int n, const float *bias,
                        size_t left, size_t columns, int relu, float *sums, float *out) {
  size_t tiles = (depth + TILE - 1) / TILE;
  for (size_t t = 0; t < tiles; t++)
    for (size_t r = 0; r < rows; r++) {
      v16 s[4] = {{0}};
      float *kept = sums + r * 64;
      if (t > 0)
        for (int i = 0; i < n; i++) s[i] = LOAD(kept + i * 16);
      add_inputs(s, n, masks[r * tiles + t], x + r * stride + t * TILE,
                 panel + t * TILE * (size_t)n * 16);
      if (t + 1 == tiles)
        finish(out + r * columns, s, n, bias, left, relu);
      else
        for (int i = 0; i < n; i++) STORE(kept + i * 16, s[i]);
    }
}

INLINE void sparse_panel(const float *x, size_t rows, size_t stride, size_t depth,
                         const uint64_t *masks, const float *panel, size_t width, const float *bias,
                         size_t left, size_t columns, int relu, float *sums, float *out) {
#define PANEL(n) \
  sparse_rows(x, rows, stride, depth, masks, panel, n, bias, left, columns, relu, sums, out)
  switch (width) {
    case 64: PANEL(4); break;
    case 48: PANEL(3); break;
    case 32: PANEL(2); break;
    default: PANEL(1); break;
  }
#undef PANEL
}

INLINE void dense_panel(const float *x, size_t rows, size_t stride, size_t depth,
                        const float *panel, size_t width, const float *bias, size_t left,
                        size_t columns, int relu, float *out) {
  for (size_t at = 0; at < width && at < left;) {
    int both = WIDTH == 2 && width - at >= 32;
    for (size_t r = 0; r < rows; r += 4) {
      const float *from = x + r * stride;
      float *to = out + r * columns + at;
      if (both)
        four_rows(from, stride, depth, panel + at, width, 2, bias + at, left - at, columns, relu,
                  to);
      else
        four_rows(from, stride, depth, panel + at, width, 1, bias + at, left - at, columns, relu,
                  to);
    }
    at += both ? 32 : 16;
  }
}

void NAMED(sluice_dense)(const float *x, size_t rows, size_t stride, size_t depth,
                         const float *packed, const float *bias, size_t columns, int relu,
                         void *scratch, float *out) {
  size_t padded = sluice_padded_columns(columns);
  size_t tiles = (depth + TILE - 1) / TILE;
  float *sums = scratch;
  uint64_t *masks = (uint64_t *)(sums + ROWS * 64);
  for (size_t first = 0; first < rows; first += ROWS) {
    size_t count = rows - first < ROWS ? rows - first : ROWS;
    const float *from = x + first * stride;
    float *to = out + first * columns;
    size_t used = 0;
    for (size_t r = 0; r < count; r++)
      for (size_t t = 0; t < tiles; t++) {
        size_t inputs = depth - t * TILE < TILE ? depth - t * TILE : TILE;
        uint64_t mask = not_zero(from + r * stride + t * TILE, inputs);
        masks[r * tiles + t] = mask;
        used += (size_t)__builtin_popcountll(mask);
      }
    // After a ReLU about half of the inputs are zero: row by row, their weights are not read.
    // Four rows together read each weight once for all four, which is better when few are.
    int isSparse = used * 10 < count * depth * 8;
    size_t four = count / 4 * 4;
    const float *panel = packed;
    for (size_t column = 0; column < padded; column += 64) {
      size_t width = padded - column < 64 ? padded - column : 64;
      size_t together = isSparse && width >= 48 ? 0 : four;
      if (together > 0)
        dense_panel(from, together, stride, depth, panel, width, bias + column, columns - column,
                    columns, relu, to + column);
      if (together < count)
        sparse_panel(from + together * stride, count - together, stride, depth,
                     masks + together * tiles, panel, width, bias + column, columns - column,
                     columns, relu, sums, to + together * columns + column);
      panel += depth * width;
    }
  }
}

INLINE void terms_panel(const int32_t *places, const float *values, size_t terms,
                        const float *panel, const int n, const float *bias, size_t left, int relu,
                        float *out) {
  v16 s[4] = {{0}};
  for (size_t t = 0; t < terms; t++) {
    v16 value = SPREAD(values[t]);
    const float *row = panel + (size_t)places[t] * (size_t)n * 16;
    for (int i = 0; i < n; i++) s[i] += value * LOAD(row + i * 16);
  }
  finish(out, s, n, bias, left, relu);
}

void NAMED(sluice_dense_terms)(const int32_t *places, const float *values, size_t terms,
                               size_t rows, size_t depth, const float *packed, const float *bias,
                               size_t columns, int relu, float *out) {
  size_t padded = sluice_padded_columns(columns);
  for (size_t r = 0; r < rows; r++, places += terms, values += terms, out += columns) {
    const float *panel = packed;
    for (size_t column = 0; column < padded; column += 64) {
      size_t width = padded - column < 64 ? padded - column : 64;
#define PANEL(n)                                                                              \
  terms_panel(places, values, terms, panel, n, bias + column, columns - column, relu, \
              out + column)
      switch (width) {
        case 64: PANEL(4); break;
        case 48: PANEL(3); break;
        case 32: PANEL(2); break;
        default: PANEL(1); break;
      }
#undef PANEL
      panel += depth * width;
    }
  }
}
