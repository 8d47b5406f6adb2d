/* ONNX Runtime, loaded at run time and called by the numbers of its functions.
 *
 * Importer: Inference. No header of ONNX Runtime is needed to build this: the functions used are
 * those of version 1 of its C interface, a table whose first 102 entries never change (ONNX
 * Runtime's own build asserts it). The numbers and parameters are those of the public header
 * github.com/microsoft/onnxruntime, include/onnxruntime/core/session/onnxruntime_c_api.h.
 *
 * A library and a model may be used by any number of threads at once.
 */
#ifndef SLUICE_CONNXRUNTIME_H
#define SLUICE_CONNXRUNTIME_H

#include <stddef.h>
#include <stdint.h>

/* The most dimensions a tensor may have here. */
enum { SLUICE_ORT_RANK_MAX = 8 };

/* What went wrong. `code` is ONNX Runtime's OrtErrorCode (0: nothing), or one of these: */
enum {
  /* The file cannot be loaded, or is no ONNX Runtime. */
  SLUICE_ORT_NO_LIBRARY = -1,
  /* Not enough memory here, or a size that cannot be. */
  SLUICE_ORT_LIMIT = -2,
  /* An output that is no tensor, or has more than SLUICE_ORT_RANK_MAX dimensions. */
  SLUICE_ORT_OUTPUT = -3
};

typedef struct {
  int32_t code;
  /* Ends with a zero byte; cut where it is too long. */
  char text[768];
} sluice_ort_fault;

/* --- the library --- */

typedef struct sluice_ort sluice_ort;

/* Sets ORT_DISABLE_TELEMETRY=1 in this process's environment, unless it is set so already.
 *
 * The official builds since 1.29 send what models they run, and how fast, to Microsoft. The
 * variable forbids it entirely when it is set before the library is loaded; DisableTelemetryEvents
 * alone leaves a part (github.com/microsoft/onnxruntime, pull request 27379). A program calls this
 * before it starts threads, since changing the environment is not safe beside readers of it;
 * opening a library then finds it done. */
void sluice_ort_forbid_telemetry(void);

/* Loads the library at `path`, which runs its initialisers, and makes its environment: silent,
 * without telemetry. It stays loaded to the end of the process. NULL with a fault. */
sluice_ort *sluice_ort_open(const char *path, sluice_ort_fault *fault);

/* The same with what the library's OrtGetApiBase gave. */
sluice_ort *sluice_ort_attach(const void *api_base, sluice_ort_fault *fault);

/* What the library says its version is. */
const char *sluice_ort_version(const sluice_ort *library);

/* --- models --- */

typedef struct sluice_ort_model sluice_ort_model;

/* What a model says of an input or output. */
typedef struct {
  /* ONNX Runtime's ONNXType: 1 is a tensor. */
  int32_t kind;
  /* ONNX's number of the element type; 0 when it is no tensor. */
  int32_t element_type;
  /* The number of dimensions; more than SLUICE_ORT_RANK_MAX: `dims` holds none. */
  int32_t rank;
  /* -1 where a dimension is free. */
  int64_t dims[SLUICE_ORT_RANK_MAX];
} sluice_ort_type;

/* Reads a model of `count` bytes; it runs on the calling thread alone. NULL with a fault. */
sluice_ort_model *sluice_ort_load(
    sluice_ort *library, const void *bytes, size_t count, sluice_ort_fault *fault);

void sluice_ort_unload(sluice_ort_model *model);

size_t sluice_ort_input_count(const sluice_ort_model *model);
size_t sluice_ort_output_count(const sluice_ort_model *model);

/* Names, in the order of the file; NULL beyond the last. They live as long as the model. */
const char *sluice_ort_input_name(const sluice_ort_model *model, size_t index);
const char *sluice_ort_output_name(const sluice_ort_model *model, size_t index);

/* Returns 0, or -1 with a fault. */
int sluice_ort_input_type(
    const sluice_ort_model *model, size_t index, sluice_ort_type *type, sluice_ort_fault *fault);
int sluice_ort_output_type(
    const sluice_ort_model *model, size_t index, sluice_ort_type *type, sluice_ort_fault *fault);

/* --- running --- */

/* One input of a run. The memory is the caller's and is only read. */
typedef struct {
  const char *name;
  int32_t element_type;
  int32_t rank;
  int64_t dims[SLUICE_ORT_RANK_MAX];
  /* The elements; for texts `count` pointers to texts that end with a zero byte. */
  const void *data;
  size_t count;
  /* The size of the elements, unless they are texts. */
  size_t bytes;
} sluice_ort_input;

/* One output of a run. */
typedef struct {
  /* Set by the caller: which one. */
  const char *name;
  /* The rest is set by the run. The tensor itself, until it is released. */
  void *value;
  int32_t element_type;
  int32_t rank;
  int64_t dims[SLUICE_ORT_RANK_MAX];
  size_t count;
  /* The elements; NULL for texts. */
  const void *data;
  /* The bytes of all texts together. */
  size_t text_bytes;
} sluice_ort_output;

/* Computes the outputs named. Returns 0, or -1 with a fault; the outputs are to be released in
 * either case. */
int sluice_ort_run(
    sluice_ort_model *model, const sluice_ort_input *inputs, size_t input_count,
    sluice_ort_output *outputs, size_t output_count, sluice_ort_fault *fault);

/* Copies an output's texts one after another to `bytes`, of `text_bytes` bytes, and where each
 * begins to `offsets`, of `count` numbers. Returns 0, or -1 with a fault. */
int sluice_ort_texts(
    sluice_ort_model *model, const sluice_ort_output *output, char *bytes, size_t *offsets,
    sluice_ort_fault *fault);

void sluice_ort_release(sluice_ort_model *model, sluice_ort_output *outputs, size_t count);

#endif
