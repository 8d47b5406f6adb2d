#ifndef SLUICE_CKERNELS_H
#define SLUICE_CKERNELS_H
// Inner loops that want the processor's widest registers. Swift cannot choose code by processor
// at run time; C can, with one copy of a function for each instruction set (target_clones).
//
// Weights are packed by sluice_pack_panels: panels of 64 columns one after another, then panels
// of 16; within a panel, row by row. Every output element is summed in the order of the rows of
// the weights, so a row's result does not depend on how many rows are computed together.
#include <stddef.h>
#include <stdint.h>

/// Columns rounded up to whole registers.
static inline size_t sluice_padded_columns(size_t columns) { return (columns + 15) / 16 * 16; }

/// Copies `depth` x `columns` row-major weights (or, transposed, `columns` x `depth`) into panels.
/// `packed` has room for depth * sluice_padded_columns(columns) floats.
void sluice_pack_panels(const float *weights, size_t depth, size_t columns, int transposed,
                        float *packed);

/// out[r][c] = bias[c] + sum over k of x[r][k] * w[k][c], then max(0, .) if `relu`.
/// `bias` has padded columns. `x` rows are `stride` floats apart. `indices` has room for `depth`.
void sluice_dense(const float *x, size_t rows, size_t stride, size_t depth, const float *packed,
                  const float *bias, size_t columns, int relu, uint32_t *indices, float *out);

/// The same for a row that is mostly zeros: `hot[h]` (-1: none) are rows of the weights taken
/// once, `numeric[q]` times row `rowOfNumeric[q]` is added.
void sluice_sparse_dense(const int32_t *hot, size_t hotCount, const float *numeric,
                         const int32_t *rowOfNumeric, size_t numericCount, size_t rows,
                         size_t depth, const float *packed, const float *bias, size_t columns,
                         int relu, float *out);

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
