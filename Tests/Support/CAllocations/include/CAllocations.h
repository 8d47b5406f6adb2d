#ifndef SLUICE_CALLOCATIONS_H
#define SLUICE_CALLOCATIONS_H
// Counts heap allocations in a test program. Linking this replaces malloc and its kin for the
// whole program; each call is counted for its thread and passed on to the C library.
#include <stddef.h>
#include <stdint.h>

/// Whether allocations are counted: not under a sanitizer.
int sluice_counts_allocations(void);

/// How often this thread has allocated since it began.
uint64_t sluice_allocations(void);

/// How many bytes this thread has asked for since it began, given back ones included.
uint64_t sluice_allocated_bytes(void);
#endif
