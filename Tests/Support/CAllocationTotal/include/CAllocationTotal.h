#ifndef SLUICE_CALLOCATIONTOTAL_H
#define SLUICE_CALLOCATIONTOTAL_H
// Nothing to call: preloaded into a program, it counts heap allocations and tells the total on
// standard error when the program ends.
#endif
