#include "CKernels.h"

// Eight independent walks at a time hide the latency of each step (load a node, load a feature,
// compare, move). Without branches nothing can be mispredicted; a walk that is already at its
// leaf stays there.

#define STEP(p, xs) p += p->step + !((xs) <= p->threshold)

#define WALK_ONE_ROW(NAME, NODE)                                                              \
  void NAME(const NODE *nodes, const uint32_t *roots, const uint32_t *order,                  \
            const uint32_t *depths, size_t groups, const float *x, uint32_t *leaves) {        \
    for (size_t g = 0; g < groups; g++) {                                                     \
      const uint32_t *r = roots + g * 8, *o = order + g * 8;                                  \
      const NODE *p0 = nodes + r[0], *p1 = nodes + r[1], *p2 = nodes + r[2],                  \
                 *p3 = nodes + r[3], *p4 = nodes + r[4], *p5 = nodes + r[5],                  \
                 *p6 = nodes + r[6], *p7 = nodes + r[7];                                      \
      for (uint32_t d = depths[g]; d > 0; d--) {                                              \
        STEP(p0, x[p0->feature]);                                                             \
        STEP(p1, x[p1->feature]);                                                             \
        STEP(p2, x[p2->feature]);                                                             \
        STEP(p3, x[p3->feature]);                                                             \
        STEP(p4, x[p4->feature]);                                                             \
        STEP(p5, x[p5->feature]);                                                             \
        STEP(p6, x[p6->feature]);                                                             \
        STEP(p7, x[p7->feature]);                                                             \
      }                                                                                       \
      leaves[o[0]] = (uint32_t)(p0 - nodes);                                                  \
      leaves[o[1]] = (uint32_t)(p1 - nodes);                                                  \
      leaves[o[2]] = (uint32_t)(p2 - nodes);                                                  \
      leaves[o[3]] = (uint32_t)(p3 - nodes);                                                  \
      leaves[o[4]] = (uint32_t)(p4 - nodes);                                                  \
      leaves[o[5]] = (uint32_t)(p5 - nodes);                                                  \
      leaves[o[6]] = (uint32_t)(p6 - nodes);                                                  \
      leaves[o[7]] = (uint32_t)(p7 - nodes);                                                  \
    }                                                                                         \
  }

#define WALK_EIGHT_ROWS(NAME, NODE)                                                           \
  void NAME(const NODE *nodes, const uint32_t *roots, const uint32_t *order,                  \
            const uint32_t *depths, size_t groups, const float *x, uint32_t *leaves) {        \
    for (size_t t = 0; t < groups * 8; t++) {                                                 \
      const NODE *root = nodes + roots[t];                                                    \
      const NODE *p0 = root, *p1 = root, *p2 = root, *p3 = root, *p4 = root, *p5 = root,      \
                 *p6 = root, *p7 = root;                                                      \
      for (uint32_t d = depths[t / 8]; d > 0; d--) {                                          \
        STEP(p0, x[(size_t)p0->feature * 8]);                                                 \
        STEP(p1, x[(size_t)p1->feature * 8 + 1]);                                             \
        STEP(p2, x[(size_t)p2->feature * 8 + 2]);                                             \
        STEP(p3, x[(size_t)p3->feature * 8 + 3]);                                             \
        STEP(p4, x[(size_t)p4->feature * 8 + 4]);                                             \
        STEP(p5, x[(size_t)p5->feature * 8 + 5]);                                             \
        STEP(p6, x[(size_t)p6->feature * 8 + 6]);                                             \
        STEP(p7, x[(size_t)p7->feature * 8 + 7]);                                             \
      }                                                                                       \
      uint32_t *to = leaves + (size_t)order[t] * 8;                                           \
      to[0] = (uint32_t)(p0 - nodes);                                                         \
      to[1] = (uint32_t)(p1 - nodes);                                                         \
      to[2] = (uint32_t)(p2 - nodes);                                                         \
      to[3] = (uint32_t)(p3 - nodes);                                                         \
      to[4] = (uint32_t)(p4 - nodes);                                                         \
      to[5] = (uint32_t)(p5 - nodes);                                                         \
      to[6] = (uint32_t)(p6 - nodes);                                                         \
      to[7] = (uint32_t)(p7 - nodes);                                                         \
    }                                                                                         \
  }

WALK_ONE_ROW(sluice_walk_trees, SluiceNode)
WALK_ONE_ROW(sluice_walk_trees_wide, SluiceWideNode)
WALK_EIGHT_ROWS(sluice_walk_trees_8, SluiceNode)
WALK_EIGHT_ROWS(sluice_walk_trees_8_wide, SluiceWideNode)

double sluice_sum_leaves(const float *values, const uint32_t *leaves, size_t trees,
                         size_t stride) {
  double sums[8] = {0};
  size_t t = 0;
  for (; t + 8 <= trees; t += 8)
    for (size_t lane = 0; lane < 8; lane++) sums[lane] += values[leaves[(t + lane) * stride]];
  for (size_t lane = 0; t + lane < trees; lane++)
    sums[lane] += values[leaves[(t + lane) * stride]];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}
