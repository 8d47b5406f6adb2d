#ifndef SLUICE_TREES_H
#define SLUICE_TREES_H
// Tree kernels for processors with wide registers. The portable ones are in CKernels.h; all give
// the same leaves, bit for bit.
//
// A treelet is a tree of up to seven nodes in three levels, in heap order: node 0 is the root, the
// children of node n are 2n+1 and 2n+2. Its seven comparisons make a byte, one bit a node, set
// when the walk goes right there; a table of 128 entries turns the byte into the exit, 0 to 7 from
// left to right.
#include <stddef.h>
#include <stdint.h>

/// What the running processor has of what the kernels here want.
enum {
  SLUICE_CPU_SCALAR = 0,
  /// AVX2.
  SLUICE_CPU_AVX2 = 1,
  /// AVX-512 F, BW, DQ, VL and VBMI, and with them POPCNT and BMI2.
  SLUICE_CPU_AVX512 = 2,
};

/// The best of the above that this processor can run.
int sluice_cpu_level(void);

/// Rows turned into ranks: one byte a column, the number of the column's limits below the value.
/// A value that is missing has rank 255.
typedef struct {
  size_t columns;
  /// Where each column's value is in the row.
  const uint32_t *features;
  /// For each column where its limits begin in `limits`.
  const uint32_t *starts;
  /// For each column 16 floats, the last of each following group of 16, then these groups: the
  /// sorted limits, filled up with infinities; always at least one more infinity than limits.
  const float *limits;
} SluiceRanks;

/// Ranks of one row, `step` bytes apart. Returns whether a value is missing.
int sluice_rank_row_avx512(const SluiceRanks *ranks, const float *x, uint8_t *codes, size_t step);
int sluice_rank_row_scalar(const SluiceRanks *ranks, const float *x, uint8_t *codes, size_t step);

/// Bytes of ranks a row: `columns` rounded up to a number of 64-byte registers the kernels take,
/// 0 when there are more than they take.
size_t sluice_code_bytes(size_t columns);

/// Trees whose nodes are all compared with the row, 64 nodes at a time.
typedef struct {
  /// Groups of 64 nodes (eight treelets of eight, the last of each unused; or, in `isSixLevels`,
  /// one tree each); a multiple of eight.
  size_t groups;
  /// Bytes of ranks a row: 64, 128 or 256.
  size_t codeBytes;
  /// 64 a group: the column each node reads.
  const uint8_t *columns;
  /// 64 a group: the walk goes right when the rank is not less than this.
  const uint8_t *limits;
  /// A bit a node, or null: the walk goes right when the rank is exactly the limit.
  const uint64_t *equal;
  /// A bit a node: a missing value goes left, goes right.
  const uint64_t *missingLeft, *missingRight;

  size_t trees;
  /// Trees are walked in the order of their treelets' places, eight together, filled up to a
  /// multiple of eight; null, as all below, when groups hold six levels. `order` is the tree that
  /// each place belongs to.
  const uint32_t *order;
  /// For each place the first treelet, and the first leaf.
  const uint32_t *roots;
  const uint32_t *firstLeaf;
  /// For each eight places the most treelets on a path.
  const uint8_t *steps;
  /// Eight a treelet: for each exit how much further on the next treelet is, or (negative) 128
  /// less than a leaf of the tree.
  const int8_t *next;
  /// Pieces that are compared and walked one after another, so that what passes between lies
  /// near: where each one's groups (a multiple of eight) and places (likewise) begin, and one more.
  size_t pieces;
  const uint32_t *pieceGroups;
  const uint32_t *piecePlaces;
} SluiceFlatTrees;

/// The leaf of every tree for `rows` rows: leaves[row * stride + tree].
/// `codes` has `codeBytes` a row; `missing` is null or likewise 255 where a value is missing.
/// `room` has eight bytes a group (of all trees, or of the largest piece) for each of up to
/// SLUICE_FLAT_ROWS rows, 64-byte aligned.
enum { SLUICE_FLAT_ROWS = 16 };
void sluice_flat_leaves_avx512(const SluiceFlatTrees *trees, const uint8_t *codes,
                               const uint8_t *missing, size_t rows, uint8_t *room,
                               uint32_t *leaves, size_t stride);

/// The same for trees of up to six levels, in groups of one tree: the eight treelets of the lower
/// three levels are bytes of the group, the seven nodes of the upper three levels are the last
/// nodes of its first seven bytes. Leaf l of tree t is t * 64 + l.
void sluice_six_leaves_avx512(const SluiceFlatTrees *trees, const uint8_t *codes,
                              const uint8_t *missing, size_t rows, uint8_t *room,
                              uint32_t *leaves, size_t stride);

/// A treelet that fills a cache line.
typedef struct {
  /// The walk goes right when not x <= limit.
  float limits[8];
  /// The columns that the nodes read.
  uint8_t columns[8];
  /// The treelet that exit code 0 leads to.
  uint32_t firstChild;
  /// The leaf that exit code -128 leads to.
  uint32_t firstLeaf;
  /// For each exit: how far on from `firstChild`, or (negative) from `firstLeaf`.
  int8_t exits[8];
  /// A bit a node: a missing value goes left.
  uint8_t missingLeft;
  uint8_t unused[7];
} SluiceTreelet;

/// Walks trees treelet by treelet. `roots`, `order` and `steps` as for sluice_walk_trees: groups
/// of eight trees, filled up. `x` has `width` floats a row (16, 32 or 64), 64-byte aligned.
/// leaves[row * stride + order[i]] is written.
void sluice_chain_leaves_avx512(const SluiceTreelet *treelets, const uint32_t *roots,
                                const uint32_t *order, const uint32_t *steps, size_t groups,
                                const float *x, size_t width, int hasMissing, size_t rows,
                                uint32_t *leaves, size_t stride);

/// One node for 64 rows: each takes one of two results, that of a leaf or of an earlier node.
typedef struct {
  /// Where the column's 64 ranks are: 64 times its number.
  uint16_t column;
  /// Where the results of going left and right are: 64 times a leaf's number within the tree, or
  /// 64 times (128 plus the number of an earlier node of the tree).
  uint16_t left, right;
  /// The walk goes right when the rank is not less than this.
  uint8_t limit;
  uint8_t unused;
} SluiceLaneNode;

/// The leaves of 64 rows, all nodes of a tree one after another, children first.
/// Tree t has the nodes firstNode[t] to firstNode[t + 1], the last its root, at most 128 of them
/// and as many leaves; leaf 0 of it has the number firstLeaf[t].
/// leaves[t * 64 + row] is written. `room` has 256 * 64 bytes; both are 64-byte aligned.
void sluice_lane_leaves_avx2(const SluiceLaneNode *nodes, const uint32_t *firstNode,
                             const uint32_t *firstLeaf, size_t trees, const uint8_t *codes,
                             uint8_t *room, uint32_t *leaves);
void sluice_lane_leaves_avx512(const SluiceLaneNode *nodes, const uint32_t *firstNode,
                               const uint32_t *firstLeaf, size_t trees, const uint8_t *codes,
                               uint8_t *room, uint32_t *leaves);

/// For each of 64 rows what sluice_sum_leaves gives with stride 64, with the same bits.
/// `room` has 8 * 64 doubles.
void sluice_sum_lane_leaves(const float *values, const uint32_t *leaves, size_t trees,
                            double *room, double *sums);

/// sums[targetOf[t]] += values[leaves[t * stride]], tree after tree.
void sluice_add_by_tree(const float *values, const uint32_t *leaves, size_t trees, size_t stride,
                        const uint32_t *targetOf, double *sums);

/// sums[i] += values[leaves[t * stride] * targets + i], tree after tree.
void sluice_add_vectors(const float *values, const uint32_t *leaves, size_t trees, size_t stride,
                        size_t targets, double *sums);

/// out[i] = x[features[i]]. Returns whether one of them is NaN.
int sluice_take_columns(const float *x, const uint32_t *features, size_t count, float *out);

/// As sluice_sum_leaves with stride 1, with the same bits.
double sluice_sum_leaves_avx512(const float *values, const uint32_t *leaves, size_t trees);
#endif
