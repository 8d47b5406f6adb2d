// The dense kernels' text, included once by the file of each instruction set, which defines
//   NAMED(name)  the name with the set's ending
//   WIDTH        registers of 16 floats beside each other when four rows are computed together
//   NARROW_TO    the most columns, up to 8, for which a register rather holds rows
//   SPARSE_FROM  the narrowest panel for which skipping inputs is better than four rows
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

/// Two rows at once: their sums do not wait for each other.
INLINE void add_inputs_of_two(v16 *s, v16 *u, const int n, uint64_t mask, uint64_t other,
                              const float *x, const float *y, const float *w) {
  while (mask && other) {
    size_t k = (size_t)__builtin_ctzll(mask), j = (size_t)__builtin_ctzll(other);
    mask &= mask - 1;
    other &= other - 1;
    v16 value = SPREAD(x[k]), second = SPREAD(y[j]);
    const float *row = w + k * (size_t)n * 16, *low = w + j * (size_t)n * 16;
    for (int i = 0; i < n; i++) s[i] += value * LOAD(row + i * 16);
    for (int i = 0; i < n; i++) u[i] += second * LOAD(low + i * 16);
  }
  add_inputs(s, n, mask, x, w);
  add_inputs(u, n, other, y, w);
}

/// Keeps the sums of a row until the next inputs are added, or finishes them.
INLINE void keep_or_finish(const v16 *s, const int n, int isLast, float *kept, float *out,
                           const float *bias, size_t left, int relu) {
  if (isLast)
    finish(out, s, n, bias, left, relu);
  else
    for (int i = 0; i < n; i++) STORE(kept + i * 16, s[i]);
}

/// Rows against one panel of `n` registers, without the inputs that are zero.
INLINE void sparse_rows(const float *x, size_t rows, size_t stride, size_t depth,
                        const uint64_t *masks, const float *panel, const int n, const float *bias,
                        size_t left, size_t columns, int relu, float *sums, float *out) {
  size_t tiles = (depth + TILE - 1) / TILE;
  for (size_t t = 0; t < tiles; t++) {
    const float *w = panel + t * TILE * (size_t)n * 16;
    int isLast = t + 1 == tiles;
    size_t r = 0;
    for (; WIDTH == 2 && r + 2 <= rows; r += 2) {
      v16 s[4] = {{0}}, u[4] = {{0}};
      float *kept = sums + r * 64;
      if (t > 0)
        for (int i = 0; i < n; i++) {
          s[i] = LOAD(kept + i * 16);
          u[i] = LOAD(kept + 64 + i * 16);
        }
      const float *from = x + r * stride + t * TILE;
      add_inputs_of_two(s, u, n, masks[r * tiles + t], masks[(r + 1) * tiles + t], from,
                        from + stride, w);
      keep_or_finish(s, n, isLast, kept, out + r * columns, bias, left, relu);
      keep_or_finish(u, n, isLast, kept + 64, out + (r + 1) * columns, bias, left, relu);
    }
    for (; r < rows; r++) {
      v16 s[4] = {{0}};
      float *kept = sums + r * 64;
      if (t > 0)
        for (int i = 0; i < n; i++) s[i] = LOAD(kept + i * 16);
      add_inputs(s, n, masks[r * tiles + t], x + r * stride + t * TILE, w);
      keep_or_finish(s, n, isLast, kept, out + r * columns, bias, left, relu);
    }
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

/// Transposes 16 x 16: four times, pairs of rows take turns element by element.
INLINE void transpose(v16 *t) {
  for (int step = 0; step < 4; step++) {
    v16 u[16];
    for (int i = 0; i < 8; i++) {
      u[2 * i] = __builtin_shufflevector(t[i], t[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5,
                                         21, 6, 22, 7, 23);
      u[2 * i + 1] = __builtin_shufflevector(t[i], t[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                             13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; i++) t[i] = u[i];
  }
}

/// Sixteen rows against up to `n` columns of the only panel: a register holds one input of all
/// rows. For outputs so narrow that most of a register of columns would be padding.
INLINE void sixteen_rows(const float *x, size_t stride, size_t depth, const float *w, size_t step,
                         const int n, const float *bias, size_t columns, int relu, float *out) {
  v16 s[8] = {{0}};
  for (size_t first = 0; first < depth; first += 16, w += 16 * step) {
    size_t inputs = depth - first < 16 ? depth - first : 16;
    v16 t[16];
    for (int r = 0; r < 16; r++) {
      const float *from = x + (size_t)r * stride + first;
      if (inputs == 16) {
        t[r] = LOAD(from);
      } else {
        t[r] = (v16){0};
        memcpy(&t[r], from, inputs * sizeof(float));
      }
    }
    transpose(t);
    for (size_t k = 0; k < inputs; k++)
      for (int c = 0; c < n; c++) s[c] += t[k] * SPREAD(w[k * step + (size_t)c]);
  }
  for (size_t c = 0; c < columns; c++) {
    v16 v = s[c] + SPREAD(bias[c]);
    if (relu) v = (v16)((i16)v & ~(i16)(v < (v16){0}));
    for (size_t r = 0; r < 16; r++) out[r * columns + c] = v[r];
  }
}

/// Rows in sixteens against at most eight columns; returns how many rows that were.
INLINE size_t narrow_rows(const float *x, size_t rows, size_t stride, size_t depth,
                          const float *w, const float *bias, size_t columns, int relu,
                          float *out) {
  size_t r = 0;
  for (; r + 16 <= rows; r += 16) {
    const float *from = x + r * stride;
    float *to = out + r * columns;
    if (columns == 1)
      sixteen_rows(from, stride, depth, w, 16, 1, bias, columns, relu, to);
    else if (columns == 2)
      sixteen_rows(from, stride, depth, w, 16, 2, bias, columns, relu, to);
    else if (columns <= 4)
      sixteen_rows(from, stride, depth, w, 16, 4, bias, columns, relu, to);
    else
      sixteen_rows(from, stride, depth, w, 16, 8, bias, columns, relu, to);
  }
  return r;
}

void NAMED(sluice_dense)(const float *x, size_t rows, size_t stride, size_t depth,
                         const float *packed, const float *bias, size_t columns, int relu,
                         void *scratch, float *out) {
  size_t padded = sluice_padded_columns(columns);
  size_t tiles = (depth + TILE - 1) / TILE;
  float *sums = scratch;
  uint64_t *masks = (uint64_t *)(sums + ROWS * 64);
  size_t narrow =
      columns <= NARROW_TO
          ? narrow_rows(x, rows, stride, depth, packed, bias, columns, relu, out)
          : 0;
  for (size_t first = narrow; first < rows; first += ROWS) {
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
      size_t together = isSparse && width >= SPARSE_FROM ? 0 : four;
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
