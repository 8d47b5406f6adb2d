#include "CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX512                                                                                  \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,popcnt,bmi,bmi2,lzcnt")))
#define INLINE512 AVX512 __attribute__((always_inline)) static inline
#endif

int sluice_cpu_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2") &&
      __builtin_cpu_supports("popcnt"))
    return SLUICE_CPU_AVX512;
  if (__builtin_cpu_supports("avx2")) return SLUICE_CPU_AVX2;
#endif
  return SLUICE_CPU_SCALAR;
}

size_t sluice_code_bytes(size_t columns) {
  return columns <= 64 ? 64 : columns <= 128 ? 128 : columns <= 256 ? 256 : 0;
}

int sluice_rank_row_scalar(const SluiceRanks *ranks, const float *x, uint8_t *codes,
                           size_t step) {
  int missing = 0;
  for (size_t c = 0; c < ranks->columns; c++) {
    const float *limits = ranks->limits + ranks->starts[c];
    float v = x[ranks->features[c]];
    size_t group = 0, rank = 0;
    for (size_t i = 0; i < 16; i++) group += limits[i] < v;
    const float *in = limits + 16 + group * 16;
    for (size_t i = 0; i < 16; i++) rank += in[i] < v;
    int isMissing = v != v;
    missing |= isMissing;
    codes[c * step] = (uint8_t)(isMissing ? 255 : group * 16 + rank);
  }
  return missing;
}

#if defined(__x86_64__)
AVX512 int sluice_rank_row_avx512(const SluiceRanks *ranks, const float *x, uint8_t *codes,
                                  size_t step) {
  unsigned missing = 0;
  for (size_t c = 0; c < ranks->columns; c++) {
    const float *limits = ranks->limits + ranks->starts[c];
    __m512 v = _mm512_set1_ps(x[ranks->features[c]]);
    unsigned group = (unsigned)__builtin_popcount(
        _mm512_cmp_ps_mask(_mm512_loadu_ps(limits), v, _CMP_LT_OQ));
    unsigned rank = (unsigned)__builtin_popcount(
        _mm512_cmp_ps_mask(_mm512_loadu_ps(limits + 16 + group * 16), v, _CMP_LT_OQ));
    unsigned isMissing = (unsigned)_mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    missing |= isMissing;
    codes[c * step] = (uint8_t)((group * 16 + rank) | (0 - (isMissing & 1)));
  }
  return missing != 0;
}

/// For each byte of comparisons the exit; bit 7 is ignored.
static const uint8_t exitOf[128] __attribute__((aligned(64))) = {
#define E(b)                                                                                    \
  (uint8_t)(((b) & 1) ? (((b) >> 2 & 1) ? 6 + ((b) >> 6 & 1) : 4 + ((b) >> 5 & 1))              \
                      : (((b) >> 1 & 1) ? 2 + ((b) >> 4 & 1) : 0 + ((b) >> 3 & 1)))
#define E4(b) E(b), E((b) + 1), E((b) + 2), E((b) + 3)
#define E16(b) E4(b), E4((b) + 4), E4((b) + 8), E4((b) + 12)
    E16(0), E16(16), E16(32), E16(48), E16(64), E16(80), E16(96), E16(112)};

/// The bytes of a row's table that the indices name. `tables` is the number of registers.
INLINE512 __m512i pick(__m512i index, const uint8_t *table, size_t tables) {
  if (tables == 1) return _mm512_permutexvar_epi8(index, _mm512_load_si512(table));
  __m512i low = _mm512_permutex2var_epi8(_mm512_load_si512(table), index,
                                         _mm512_load_si512(table + 64));
  if (tables == 2) return low;
  __m512i high = _mm512_permutex2var_epi8(_mm512_load_si512(table + 128), index,
                                          _mm512_load_si512(table + 192));
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
}

/// Compares all nodes of the groups from `first` to `end`: a word of 64 bits a group, set where
/// the walk goes right.
INLINE512 void compare(const SluiceFlatTrees *trees, const uint8_t *codes, const uint8_t *missing,
                       size_t rows, size_t first, size_t end, uint64_t *words, size_t tables,
                       int isPlain) {
  size_t groups = end - first;
  for (size_t g = first; g < end; g++) {
    __m512i column = _mm512_load_si512(trees->columns + g * 64);
    __m512i limit = _mm512_load_si512(trees->limits + g * 64);
    for (size_t r = 0; r < rows; r++) {
      __m512i code = pick(column, codes + r * tables * 64, tables);
      uint64_t right = _cvtmask64_u64(_mm512_cmpge_epu8_mask(code, limit));
      if (!isPlain) {
        if (trees->equal)
          right &= ~(_cvtmask64_u64(_mm512_cmpgt_epu8_mask(code, limit)) & trees->equal[g]);
        if (missing) {
          __m512i gap = pick(column, missing + r * tables * 64, tables);
          uint64_t isMissing = _cvtmask64_u64(_mm512_movepi8_mask(gap));
          right &= ~(isMissing & trees->missingLeft[g]);
          right |= isMissing & trees->missingRight[g];
        }
      }
      words[r * groups + g - first] = right;
    }
  }
}

#define COMPARE(NAME, TABLES)                                                                   \
  AVX512 static void NAME(const SluiceFlatTrees *trees, const uint8_t *codes,                   \
                          const uint8_t *missing, size_t rows, size_t first, size_t end,        \
                          uint64_t *words) {                                                    \
    if (trees->equal || missing)                                                                \
      compare(trees, codes, missing, rows, first, end, words, TABLES, 0);                       \
    else if (rows == 1)                                                                         \
      compare(trees, codes, missing, 1, first, end, words, TABLES, 1);                          \
    else                                                                                        \
      compare(trees, codes, missing, rows, first, end, words, TABLES, 1);                       \
  }
COMPARE(compare_1, 1)
COMPARE(compare_2, 2)
COMPARE(compare_4, 4)

AVX512 static void compare_all(const SluiceFlatTrees *trees, const uint8_t *codes,
                               const uint8_t *missing, size_t rows, size_t first, size_t end,
                               uint64_t *words) {
  if (trees->codeBytes == 64)
    compare_1(trees, codes, missing, rows, first, end, words);
  else if (trees->codeBytes == 128)
    compare_2(trees, codes, missing, rows, first, end, words);
  else
    compare_4(trees, codes, missing, rows, first, end, words);
}

/// The leaves of eight trees, from the exits of a piece's treelets; `firstTreelet` is the number
/// of the piece's first.
INLINE512 void walk_eight(const SluiceFlatTrees *trees, size_t place, const uint8_t *exits,
                          size_t firstTreelet, uint32_t *leaves) {
  const int8_t *next = trees->next + firstTreelet * 8;
  size_t at[8];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) at[i] = trees->roots[place + i] - firstTreelet;
  for (unsigned s = trees->steps[place / 8]; s > 1; s--) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 8; i++) {
      int64_t code = next[at[i] * 8 + exits[at[i]]];
      // Without a branch; a walk that is at its leaf repeats its last step.
      size_t to = at[i] + (size_t)code;
      at[i] = __builtin_unpredictable(code < 0) ? at[i] : to;
    }
  }
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) {
    int64_t last = next[at[i] * 8 + exits[at[i]]];
    leaves[trees->order[place + i]] = trees->firstLeaf[place + i] + (uint32_t)(last + 128);
  }
}

AVX512 void sluice_flat_leaves_avx512(const SluiceFlatTrees *trees, const uint8_t *codes,
                                      const uint8_t *missing, size_t rows, uint8_t *room,
                                      uint32_t *leaves, size_t stride) {
  __m512i low = _mm512_load_si512(exitOf), high = _mm512_load_si512(exitOf + 64);
  for (size_t p = 0; p < trees->pieces; p++) {
    size_t first = trees->pieceGroups[p], end = trees->pieceGroups[p + 1];
    size_t bytes = (end - first) * 8;
    compare_all(trees, codes, missing, rows, first, end, (uint64_t *)room);
    for (size_t i = 0; i < rows * bytes; i += 64) {
      __m512i word = _mm512_load_si512(room + i);
      _mm512_store_si512(room + i, _mm512_permutex2var_epi8(low, word, high));
    }
    for (size_t r = 0; r < rows; r++)
      for (size_t t = trees->piecePlaces[p]; t < trees->piecePlaces[p + 1]; t += 8)
        walk_eight(trees, t, room + r * bytes, first * 8, leaves + r * stride);
  }
}

/// From the words of eight trees of six levels the leaf within each.
INLINE512 __m512i six(__m512i words, __m512i low, __m512i high) {
  // The upper levels' bits lie at the top of the bytes.
  uint64_t tops = _cvtmask64_u64(_mm512_movepi8_mask(words));
  __m512i upper = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128((long long)tops));
  __m512i seven = _mm512_set1_epi64(7);
  __m512i exit = _mm512_and_si512(_mm512_permutex2var_epi8(low, upper, high), seven);
  __m512i exits = _mm512_permutex2var_epi8(low, words, high);
  __m512i place = _mm512_slli_epi64(exit, 3);
  return _mm512_or_si512(_mm512_and_si512(_mm512_srlv_epi64(exits, place), seven), place);
}

AVX512 void sluice_six_leaves_avx512(const SluiceFlatTrees *trees, const uint8_t *codes,
                                     const uint8_t *missing, size_t rows, uint8_t *room,
                                     uint32_t *leaves, size_t stride) {
  size_t groups = trees->groups;
  __m512i low = _mm512_load_si512(exitOf), high = _mm512_load_si512(exitOf + 64);
  __m512i count = _mm512_setr_epi64(0, 64, 128, 192, 256, 320, 384, 448);
  compare_all(trees, codes, missing, rows, 0, groups, (uint64_t *)room);
  for (size_t r = 0; r < rows; r++) {
    __m512i base = count;
    for (size_t g = 0; g < groups; g += 8) {
      __m512i leaf = six(_mm512_load_si512(room + (r * groups + g) * 8), low, high);
      _mm256_storeu_si256((__m256i *)(leaves + r * stride + g),
                          _mm512_cvtepi64_epi32(_mm512_add_epi64(leaf, base)));
      base = _mm512_add_epi64(base, _mm512_set1_epi64(512));
    }
  }
}

AVX512 double sluice_sum_leaves_avx512(const float *values, const uint32_t *leaves, size_t trees) {
  __m512d sums = _mm512_setzero_pd();
  size_t t = 0;
  for (; t + 8 <= trees; t += 8) {
    __m256i index = _mm256_loadu_si256((const __m256i *)(leaves + t));
    sums = _mm512_add_pd(sums, _mm512_cvtps_pd(_mm256_i32gather_ps(values, index, 4)));
  }
  double lanes[8];
  _mm512_storeu_pd(lanes, sums);
  for (size_t lane = 0; t + lane < trees; lane++) lanes[lane] += values[leaves[t + lane]];
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}
#endif
