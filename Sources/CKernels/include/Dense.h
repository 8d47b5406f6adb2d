#ifndef SLUICE_DENSE_H
#define SLUICE_DENSE_H
// Rows times constant weights, for processors with AVX-512, with AVX2 and FMA, and for any.
//
// Weights are packed by sluice_pack_panels: panels of 64 columns one after another, the last as
// wide as the columns that are left need (16, 32, 48 or 64); within a panel, row by row.
//
// Every output element is summed from 0 in the order of the rows of the weights, then the bias is
// added. So a row's result does not depend on how many rows are computed together, and AVX-512
// and AVX2 give the same bits; without FMA each product is rounded before it is added. Inputs that
// are 0 may be skipped, which changes nothing but perhaps the sign of a zero, as long as all
// weights are finite.
#include <stddef.h>
#include <stdint.h>

/// Columns rounded up to whole registers.
static inline size_t sluice_padded_columns(size_t columns) { return (columns + 15) / 16 * 16; }

/// The instruction sets that the kernels below come in.
enum { SLUICE_DENSE_ANY = 0, SLUICE_DENSE_AVX2 = 1, SLUICE_DENSE_AVX512 = 2 };

/// The set in use: the best that the processor has and sluice_dense_limit allows.
int sluice_dense_level(void);

/// Uses no better set than `level` from now on, in all threads; for tests and measurements.
void sluice_dense_limit(int level);

/// Copies `depth` x `columns` row-major weights (or, transposed, `columns` x `depth`) into panels.
/// `packed` has room for depth * sluice_padded_columns(columns) floats.
void sluice_pack_panels(const float *weights, size_t depth, size_t columns, int transposed,
                        float *packed);

/// Bytes of scratch memory that sluice_dense needs.
static inline size_t sluice_dense_scratch_bytes(size_t depth) {
  return 32 * 64 * sizeof(float) + 32 * ((depth + 63) / 64) * sizeof(uint64_t);
}

/// out[r][c] = bias[c] + sum over k of x[r][k] * w[k][c], then max(0, .) if `relu` (NaN stays).
/// `bias` has padded columns, `x` rows are `stride` floats apart, `out` has no gaps. `scratch` has
/// sluice_dense_scratch_bytes(depth), 64-byte aligned.
void sluice_dense(const float *x, size_t rows, size_t stride, size_t depth, const float *packed,
                  const float *bias, size_t columns, int relu, void *scratch, float *out);

/// The same with the kernel of the set `level`, which must not be better than the processor's.
void sluice_dense_at(int level, const float *x, size_t rows, size_t stride, size_t depth,
                     const float *packed, const float *bias, size_t columns, int relu,
                     void *scratch, float *out);

/// The same as sluice_dense for rows given as `terms` places and values each: the sum over t of values[t] times
/// row places[t] of the weights, in the order of t.
void sluice_dense_terms(const int32_t *places, const float *values, size_t terms, size_t rows,
                        size_t depth, const float *packed, const float *bias, size_t columns,
                        int relu, float *out);
#endif
