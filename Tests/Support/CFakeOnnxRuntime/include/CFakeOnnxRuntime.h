/* Libraries that only look like ONNX Runtime: what their OrtGetApiBase gives. */
#ifndef SLUICE_CFAKEONNXRUNTIME_H
#define SLUICE_CFAKEONNXRUNTIME_H

/* Says that it is `version`, and has no interface of version 1. */
const void *fake_ort_without_interface(const char *version);

/* Says that it is `version`; every function succeeds and does nothing. */
const void *fake_ort_that_does_nothing(const char *version);

/* Lacks one function of the table. */
const void *fake_ort_with_a_gap(void);

/* Every function that can fails, with a text of terminal commands. */
const void *fake_ort_that_fails(void);

/* Gives no version. */
const void *fake_ort_without_version(void);

#endif
