#include "CKernels.h"

#include <math.h>
#include <string.h>

// ThreadSanitizer is not ready yet when the loader chooses between clones.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ONE_COPY
#endif
#endif

#if defined(__x86_64__) && !defined(ONE_COPY)
#include <immintrin.h>
#define CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

#define PANEL 16

static size_t groups(size_t depth) { return (depth + 3) / 4; }

size_t sluice_integer_panel_bytes(size_t depth, size_t columns) {
  return (columns + PANEL - 1) / PANEL * groups(depth) * 4 * PANEL;
}

void sluice_pack_integers(const int8_t *weights, size_t depth, size_t columns, int8_t *packed,
                          int32_t *sums) {
  memset(packed, 0, sluice_integer_panel_bytes(depth, columns));
  for (size_t c = 0; c < columns; c++) {
    int8_t *panel = packed + c / PANEL * groups(depth) * 4 * PANEL;
    int32_t sum = 0;
    for (size_t k = 0; k < depth; k++) {
      int8_t value = weights[k * columns + c];
      panel[(k / 4 * PANEL + c % PANEL) * 4 + k % 4] = value;
      sum += value;
    }
    sums[c] = sum;
  }
}

/// One row, four inputs at a time; `x` has whole groups.
CLONES static void row_plain(const uint8_t *x, size_t depth, const int8_t *packed,
                             const int32_t *sums, size_t columns, int32_t zero, int32_t *out) {
  size_t steps = groups(depth);
  for (size_t column = 0; column < columns; column += PANEL) {
    int32_t sum[PANEL] = {0};
    for (size_t g = 0; g < steps; g++) {
      int32_t a = x[g * 4], b = x[g * 4 + 1], c = x[g * 4 + 2], d = x[g * 4 + 3];
      for (size_t j = 0; j < PANEL; j++)
        sum[j] += a * packed[j * 4] + b * packed[j * 4 + 1] + c * packed[j * 4 + 2] +
                  d * packed[j * 4 + 3];
      packed += 4 * PANEL;
    }
    for (size_t j = 0; j < PANEL && column + j < columns; j++)
      out[column + j] = (int32_t)((uint32_t)sum[j] - (uint32_t)zero * (uint32_t)sums[column + j]);
  }
}

#if defined(__x86_64__)
/// The same with the instruction that adds four products of bytes at once, without saturation.
__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void row_vnni(
    const uint8_t *x, size_t depth, const int8_t *packed, const int32_t *sums, size_t columns,
    int32_t zero, int32_t *out) {
  size_t steps = groups(depth);
  size_t panel = steps * 4 * PANEL;
  __m512i zeros = _mm512_set1_epi32(zero);
  size_t column = 0;
  // Four panels together: the sum of one waits for itself.
  while (column < columns) {
    size_t left = (columns - column + PANEL - 1) / PANEL;
    size_t together = left >= 4 ? 4 : 1;
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (size_t g = 0; g < steps; g++) {
      int32_t word;
      memcpy(&word, x + g * 4, 4);
      __m512i four = _mm512_set1_epi32(word);
      const int8_t *at = packed + g * 4 * PANEL;
      a = _mm512_dpbusd_epi32(a, four, _mm512_load_si512(at));
      if (together == 4) {
        b = _mm512_dpbusd_epi32(b, four, _mm512_load_si512(at + panel));
        c = _mm512_dpbusd_epi32(c, four, _mm512_load_si512(at + 2 * panel));
        d = _mm512_dpbusd_epi32(d, four, _mm512_load_si512(at + 3 * panel));
      }
    }
    __m512i all[4] = {a, b, c, d};
    for (size_t p = 0; p < together; p++, column += PANEL, packed += panel) {
      size_t here = columns - column;
      __mmask16 mask = here >= PANEL ? 0xFFFF : (__mmask16)((1u << here) - 1);
      __m512i total = _mm512_maskz_loadu_epi32(mask, sums + column);
      __m512i result = _mm512_sub_epi32(all[p], _mm512_mullo_epi32(zeros, total));
      _mm512_mask_storeu_epi32(out + column, mask, result);
    }
  }
}

static int has_vnni(void) {
#if defined(ONE_COPY)
  return 0;
#else
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vnni");
#endif
}
#endif

void sluice_integer_dense(const uint8_t *x, int isSigned, size_t rows, size_t depth,
                          const int8_t *packed, const int32_t *sums, size_t columns, int32_t zero,
                          uint8_t *room, int32_t *out) {
#if defined(__x86_64__)
  int vnni = has_vnni();
#endif
  uint8_t flip = isSigned ? 0x80 : 0;
  for (size_t r = 0; r < rows; r++, x += depth, out += columns) {
    for (size_t k = 0; k < depth; k++) room[k] = x[k] ^ flip;
    memset(room + depth, 0, groups(depth) * 4 - depth);
#if defined(__x86_64__)
    if (vnni) {
      row_vnni(room, depth, packed, sums, columns, zero, out);
      continue;
    }
#endif
    row_plain(room, depth, packed, sums, columns, zero, out);
  }
}

// A fused multiply-add would round once instead of twice.
#pragma clang fp contract(off)
CLONES void sluice_integers_to_floats(const int32_t *sums, size_t rows, size_t columns,
                                      const float *steps, const float *bias, int relu,
                                      float *out) {
  for (size_t r = 0; r < rows; r++, sums += columns, out += columns)
    for (size_t c = 0; c < columns; c++) {
      float v = (float)sums[c] * steps[c];
      if (bias) v = v + bias[c];
      if (relu) v = v < 0 ? 0 : v;
      out[c] = v;
    }
}

CLONES void sluice_float_range(const float *x, size_t count, float *low, float *high) {
  float lows[16], highs[16];
  for (size_t j = 0; j < 16; j++) {
    lows[j] = *low;
    highs[j] = *high;
  }
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (size_t j = 0; j < 16; j++) {
      float v = x[i + j];
      lows[j] = v < lows[j] ? v : lows[j];
      highs[j] = v > highs[j] ? v : highs[j];
    }
  for (; i < count; i++) {
    lows[0] = x[i] < lows[0] ? x[i] : lows[0];
    highs[0] = x[i] > highs[0] ? x[i] : highs[0];
  }
  for (size_t j = 0; j < 16; j++) {
    *low = lows[j] < *low ? lows[j] : *low;
    *high = highs[j] > *high ? highs[j] : *high;
  }
}

CLONES void sluice_quantize(const float *x, size_t count, float scale, float zero, uint8_t *out) {
  for (size_t i = 0; i < count; i++) {
    float v = rintf(x[i] / scale) + zero;
    // Written so that NaN ends at 0 too.
    v = v > 0 ? v : 0;
    v = v < 255 ? v : 255;
    out[i] = (uint8_t)(int32_t)v;
  }
}
