#ifndef SLUICE_CKERNELS_H
#define SLUICE_CKERNELS_H
// Inner loops that want the processor's widest registers. Swift cannot choose code by processor
// at run time; C can, with one copy of a function for each instruction set.
#include <stddef.h>
#include <stdint.h>

#include "Dense.h"

/// One node of a tree: eight bytes. The next node is `step` nodes on, plus one more when not
/// x[feature] <= threshold (so also when x is NaN). A leaf has a NaN threshold and step -1: it
/// leads to itself.
typedef struct {
  float threshold;
  uint16_t feature;
  int16_t step;
} SluiceNode;

/// The same with room for any size.
typedef struct {
  float threshold;
  uint32_t feature;
  int32_t step;
} SluiceWideNode;

/// Walks all trees for one row: leaves[t] = index in `nodes` of the leaf that tree t ends in.
/// Trees are walked eight at a time, `depths[g]` steps for group g of eight roots; `order[i]` is
/// the tree that position i of `roots` belongs to. `roots` is padded to a multiple of eight.
void sluice_walk_trees(const SluiceNode *nodes, const uint32_t *roots, const uint32_t *order,
                       const uint32_t *depths, size_t groups, const float *x, uint32_t *leaves);
void sluice_walk_trees_wide(const SluiceWideNode *nodes, const uint32_t *roots,
                            const uint32_t *order, const uint32_t *depths, size_t groups,
                            const float *x, uint32_t *leaves);

/// The same for eight rows at once: `x` is transposed (x[feature * 8 + row]), and
/// leaves[t * 8 + row] is written.
void sluice_walk_trees_8(const SluiceNode *nodes, const uint32_t *roots, const uint32_t *order,
                         const uint32_t *depths, size_t groups, const float *x, uint32_t *leaves);
void sluice_walk_trees_8_wide(const SluiceWideNode *nodes, const uint32_t *roots,
                              const uint32_t *order, const uint32_t *depths, size_t groups,
                              const float *x, uint32_t *leaves);

/// sum of values[leaves[t * stride]], in double, in eight lanes by t that are then added up in a
/// fixed order.
double sluice_sum_leaves(const float *values, const uint32_t *leaves, size_t trees,
                         size_t stride);

#include "Trees.h"
#endif
