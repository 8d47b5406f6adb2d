#include "CKernels.h"
#include <string.h>

int sluice_take_columns(const float *x, const uint32_t *features, size_t count, float *out) {
  if (count > 0 && features[count - 1] == count - 1)
    memcpy(out, x, count * sizeof *x);  // Ascending: all of them.
  else
    for (size_t i = 0; i < count; i++) out[i] = x[features[i]];
  int missing = 0;
  for (size_t i = 0; i < count; i++) missing |= out[i] != out[i];
  return missing;
}

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX512                                                                                  \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt,bmi,bmi2,lzcnt")))
#define INLINE512 AVX512 __attribute__((always_inline)) static inline

/// For each byte of comparisons the exit.
static const uint8_t exitOf[128] __attribute__((aligned(64))) = {
#define E(b)                                                                                    \
  (uint8_t)(((b) & 1) ? (((b) >> 2 & 1) ? 6 + ((b) >> 6 & 1) : 4 + ((b) >> 5 & 1))              \
                      : (((b) >> 1 & 1) ? 2 + ((b) >> 4 & 1) : 0 + ((b) >> 3 & 1)))
#define E4(b) E(b), E((b) + 1), E((b) + 2), E((b) + 3)
#define E16(b) E4(b), E4((b) + 4), E4((b) + 8), E4((b) + 12)
    E16(0), E16(16), E16(32), E16(48), E16(64), E16(80), E16(96), E16(112)};

/// The values of a row that a treelet's nodes read.
INLINE512 __m256 pick(const SluiceTreelet *at, const float *x, size_t width) {
  __m512i column = _mm512_castsi256_si512(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)at->columns)));
  if (width == 16)
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(column, _mm512_load_ps(x)));
  __m512 low = _mm512_permutex2var_ps(_mm512_load_ps(x), column, _mm512_load_ps(x + 16));
  if (width == 32) return _mm512_castps512_ps256(low);
  __m512 high = _mm512_permutex2var_ps(_mm512_load_ps(x + 32), column, _mm512_load_ps(x + 48));
  __mmask16 isHigh = _mm512_test_epi32_mask(column, _mm512_set1_epi32(32));
  return _mm512_castps512_ps256(_mm512_mask_blend_ps(isHigh, low, high));
}

/// The exit code of a treelet.
INLINE512 int64_t leave(const SluiceTreelet *at, const float *x, size_t width, int hasMissing) {
  __m256 values = pick(at, x, width);
  unsigned right = (unsigned)_mm256_cmp_ps_mask(values, _mm256_load_ps(at->limits), _CMP_NLE_UQ);
  if (hasMissing)
    right &= ~((unsigned)_mm256_cmp_ps_mask(values, values, _CMP_UNORD_Q) & at->missingLeft);
  return at->exits[exitOf[right & 127]];
}

/// Eight rows walk a tree, so that their latencies overlap.
INLINE512 void eight(const SluiceTreelet *treelets, uint32_t root, uint32_t tree, unsigned steps,
                     const float *x, size_t width, int hasMissing, uint32_t *leaves,
                     size_t stride) {
  const SluiceTreelet *at[8];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) at[i] = treelets + root;
  while (--steps > 0) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 8; i++) {
      int64_t code = leave(at[i], x + i * width, width, hasMissing);
      const SluiceTreelet *to = treelets + (at[i]->firstChild + (uint64_t)code);
      at[i] = __builtin_unpredictable(code < 0) ? at[i] : to;
    }
  }
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) {
    int64_t code = leave(at[i], x + i * width, width, hasMissing);
    leaves[i * stride + tree] = at[i]->firstLeaf + (uint32_t)(code + 128);
  }
}

/// Groups of eight trees that one row walks together.
enum { TOGETHER = 32 };

/// One row: all trees a step, then all the next one, so that each tree's next treelet has come
/// from memory by the time it is looked at.
INLINE512 void together(const SluiceTreelet *treelets, const uint32_t *roots,
                        const uint32_t *order, const uint32_t *steps, size_t groups,
                        const float *x, size_t width, int hasMissing, uint32_t *leaves) {
  const SluiceTreelet *at[TOGETHER * 8];
  for (size_t t = 0; t < groups * 8; t++) at[t] = treelets + roots[t];
  // Groups with longer paths come first: those that go on are the first `going`.
  size_t going = groups;
  for (uint32_t left = 1; going > 0; left++) {
    size_t before = going;
    while (going > 0 && steps[going - 1] <= left) going--;
    for (size_t t = 0; t < going * 8; t++) {
      int64_t code = leave(at[t], x, width, hasMissing);
      const SluiceTreelet *to = treelets + (at[t]->firstChild + (uint64_t)code);
      // Without a branch; a walk that is at its leaf repeats its last step.
      to = __builtin_unpredictable(code < 0) ? at[t] : to;
      _mm_prefetch((const char *)to, _MM_HINT_T0);
      at[t] = to;
    }
    for (size_t t = going * 8; t < before * 8; t++) {
      int64_t code = leave(at[t], x, width, hasMissing);
      leaves[order[t]] = at[t]->firstLeaf + (uint32_t)(code + 128);
    }
  }
}

INLINE512 void chain(const SluiceTreelet *treelets, const uint32_t *roots, const uint32_t *order,
                     const uint32_t *steps, size_t groups, const float *x, size_t width,
                     int hasMissing, size_t rows, uint32_t *leaves, size_t stride) {
  // Rows in tens and more: each tree stays near while they pass.
  size_t inEights = rows >= 16 ? rows / 8 * 8 : 0;
  if (inEights > 0)
    for (size_t t = 0; t < groups * 8; t++)
      for (size_t r = 0; r < inEights; r += 8)
        eight(treelets, roots[t], order[t], steps[t / 8], x + r * width, width, hasMissing,
              leaves + r * stride, stride);
  for (size_t r = inEights; r < rows; r++)
    for (size_t g = 0; g < groups; g += TOGETHER)
      together(treelets, roots + g * 8, order + g * 8, steps + g,
               groups - g < TOGETHER ? groups - g : TOGETHER, x + r * width, width, hasMissing,
               leaves + r * stride);
}

#define CHAIN(NAME, WIDTH, MISSING)                                                             \
  AVX512 static void NAME(const SluiceTreelet *treelets, const uint32_t *roots,                 \
                          const uint32_t *order, const uint32_t *steps, size_t groups,          \
                          const float *x, size_t rows, uint32_t *leaves, size_t stride) {       \
    chain(treelets, roots, order, steps, groups, x, WIDTH, MISSING, rows, leaves, stride);      \
  }
CHAIN(chain_16, 16, 0)
CHAIN(chain_32, 32, 0)
CHAIN(chain_64, 64, 0)
CHAIN(chain_16_missing, 16, 1)
CHAIN(chain_32_missing, 32, 1)
CHAIN(chain_64_missing, 64, 1)

void sluice_chain_leaves_avx512(const SluiceTreelet *treelets, const uint32_t *roots,
                                const uint32_t *order, const uint32_t *steps, size_t groups,
                                const float *x, size_t width, int hasMissing, size_t rows,
                                uint32_t *leaves, size_t stride) {
  if (hasMissing) {
    if (width == 16)
      chain_16_missing(treelets, roots, order, steps, groups, x, rows, leaves, stride);
    else if (width == 32)
      chain_32_missing(treelets, roots, order, steps, groups, x, rows, leaves, stride);
    else
      chain_64_missing(treelets, roots, order, steps, groups, x, rows, leaves, stride);
  } else if (width == 16)
    chain_16(treelets, roots, order, steps, groups, x, rows, leaves, stride);
  else if (width == 32)
    chain_32(treelets, roots, order, steps, groups, x, rows, leaves, stride);
  else
    chain_64(treelets, roots, order, steps, groups, x, rows, leaves, stride);
}
#endif
