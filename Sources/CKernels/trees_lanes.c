#include "CKernels.h"
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) void sluice_lane_leaves_avx2(
    const SluiceLaneNode *nodes, const uint32_t *firstNode, const uint32_t *firstLeaf,
    size_t trees, const uint8_t *codes, uint8_t *room, uint32_t *leaves) {
  for (size_t leaf = 0; leaf < 128; leaf++) memset(room + leaf * 64, (int)leaf, 64);
  for (size_t t = 0; t < trees; t++) {
    uint8_t *result = room + 128 * 64;
    for (size_t n = firstNode[t]; n < firstNode[t + 1]; n++, result += 64) {
      __m256i limit = _mm256_set1_epi8((char)nodes[n].limit);
      const uint8_t *code = codes + nodes[n].column, *left = room + nodes[n].left,
                    *right = room + nodes[n].right;
#pragma clang loop unroll(full)
      for (size_t i = 0; i < 64; i += 32) {
        __m256i rank = _mm256_load_si256((const __m256i *)(code + i));
        __m256i isRight = _mm256_cmpeq_epi8(_mm256_max_epu8(rank, limit), rank);
        _mm256_store_si256(
            (__m256i *)(result + i),
            _mm256_blendv_epi8(_mm256_load_si256((const __m256i *)(left + i)),
                               _mm256_load_si256((const __m256i *)(right + i)), isRight));
      }
    }
    // A tree that is one leaf has no nodes: leaf 0.
    const uint8_t *at = firstNode[t] == firstNode[t + 1] ? room : result - 64;
    __m256i first = _mm256_set1_epi32((int)firstLeaf[t]);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 64; i += 8)
      _mm256_store_si256(
          (__m256i *)(leaves + t * 64 + i),
          _mm256_add_epi32(
              first, _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(at + i)))));
  }
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) void sluice_lane_leaves_avx512(
    const SluiceLaneNode *nodes, const uint32_t *firstNode, const uint32_t *firstLeaf,
    size_t trees, const uint8_t *codes, uint8_t *room, uint32_t *leaves) {
  for (size_t leaf = 0; leaf < 128; leaf++) memset(room + leaf * 64, (int)leaf, 64);
  for (size_t t = 0; t < trees; t++) {
    uint8_t *result = room + 128 * 64;
    for (size_t n = firstNode[t]; n < firstNode[t + 1]; n++, result += 64) {
      __mmask64 isRight = _mm512_cmpge_epu8_mask(_mm512_load_si512(codes + nodes[n].column),
                                                 _mm512_set1_epi8((char)nodes[n].limit));
      _mm512_store_si512(result,
                         _mm512_mask_blend_epi8(isRight, _mm512_load_si512(room + nodes[n].left),
                                                _mm512_load_si512(room + nodes[n].right)));
    }
    const uint8_t *at = firstNode[t] == firstNode[t + 1] ? room : result - 64;
    __m512i first = _mm512_set1_epi32((int)firstLeaf[t]);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 64; i += 16)
      _mm512_store_si512(
          leaves + t * 64 + i,
          _mm512_add_epi32(
              first, _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(at + i)))));
  }
}
#endif

void sluice_sum_lane_leaves(const float *values, const uint32_t *leaves, size_t trees,
                            double *room, double *sums) {
  memset(room, 0, 8 * 64 * sizeof *room);
  for (size_t t = 0; t < trees; t++) {
    double *lane = room + t % 8 * 64;
    for (size_t row = 0; row < 64; row++) lane[row] += values[leaves[t * 64 + row]];
  }
  for (size_t row = 0; row < 64; row++) {
    const double *lane = room + row;
    sums[row] = ((lane[0] + lane[64]) + (lane[128] + lane[192])) +
                ((lane[256] + lane[320]) + (lane[384] + lane[448]));
  }
}

void sluice_add_by_tree(const float *values, const uint32_t *leaves, size_t trees, size_t stride,
                        const uint32_t *targetOf, double *sums) {
  for (size_t t = 0; t < trees; t++) sums[targetOf[t]] += values[leaves[t * stride]];
}

void sluice_add_vectors(const float *values, const uint32_t *leaves, size_t trees, size_t stride,
                        size_t targets, double *sums) {
  for (size_t t = 0; t < trees; t++) {
    const float *from = values + (size_t)leaves[t * stride] * targets;
    for (size_t i = 0; i < targets; i++) sums[i] += from[i];
  }
}
