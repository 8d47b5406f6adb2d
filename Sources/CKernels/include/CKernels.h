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

/// The bytes that packed 8-bit weights take.
size_t sluice_integer_panel_bytes(size_t depth, size_t columns);

/// Copies `depth` x `columns` row-major 8-bit weights into panels of 16 columns, four inputs of a
/// column side by side. `packed` is aligned to 64 bytes; `sums` gets the sum of each column.
void sluice_pack_integers(const int8_t *weights, size_t depth, size_t columns, int8_t *packed,
                          int32_t *sums);

/// out[r][c] = sum over k of (x[r][k] - zero) * w[k][c], modulo 2^32. With `isSigned`, `x` are
/// signed bytes and `zero` is their zero point plus 128. `room` has `depth` + 64 bytes.
void sluice_integer_dense(const uint8_t *x, int isSigned, size_t rows, size_t depth,
                          const int8_t *packed, const int32_t *sums, size_t columns, int32_t zero,
                          uint8_t *room, int32_t *out);

/// out[r][c] = sums[r][c] * steps[c] + bias[c] (without bias when it is null), then max(0, .) if
/// `relu`; each operation rounds to a float by itself.
void sluice_integers_to_floats(const int32_t *sums, size_t rows, size_t columns,
                               const float *steps, const float *bias, int relu, float *out);

/// Widens the range from `low` to `high` to hold all of `x`; NaN does not count.
void sluice_float_range(const float *x, size_t count, float *low, float *high);

/// out[i] = round(x[i] / scale) + zero, cut to 0...255; ties to even, NaN becomes 0.
void sluice_quantize(const float *x, size_t count, float scale, float zero, uint8_t *out);

#endif
