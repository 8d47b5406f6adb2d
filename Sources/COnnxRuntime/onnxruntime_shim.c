#include "COnnxRuntime.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- ONNX Runtime's side --- */

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorInfo OrtTensorInfo;

/* What OrtGetApiBase gives. */
typedef struct {
  const void *(*get_api)(uint32_t version);
  const char *(*get_version)(void);
} OrtApiBase;

typedef void (*OrtLogger)(
    void *, int severity, const char *category, const char *id, const char *place,
    const char *message);

/* The entries used of the table: number, result, name, parameters. */
#define SLOTS(S) \
  S(1, int, GetErrorCode, (const OrtStatus *)) \
  S(2, const char *, GetErrorMessage, (const OrtStatus *)) \
  S(4, OrtStatus *, CreateEnvWithCustomLogger, \
    (OrtLogger, void *, int severity, const char *id, OrtEnv **)) \
  S(6, OrtStatus *, DisableTelemetryEvents, (const OrtEnv *)) \
  S(8, OrtStatus *, CreateSessionFromArray, \
    (const OrtEnv *, const void *, size_t, const OrtSessionOptions *, OrtSession **)) \
  S(9, OrtStatus *, Run, \
    (OrtSession *, const void *options, const char *const *, const OrtValue *const *, size_t, \
     const char *const *, size_t, OrtValue **)) \
  S(10, OrtStatus *, CreateSessionOptions, (OrtSessionOptions **)) \
  S(22, OrtStatus *, SetSessionLogSeverityLevel, (OrtSessionOptions *, int)) \
  S(23, OrtStatus *, SetSessionGraphOptimizationLevel, (OrtSessionOptions *, int)) \
  S(24, OrtStatus *, SetIntraOpNumThreads, (OrtSessionOptions *, int)) \
  S(25, OrtStatus *, SetInterOpNumThreads, (OrtSessionOptions *, int)) \
  S(30, OrtStatus *, SessionGetInputCount, (const OrtSession *, size_t *)) \
  S(31, OrtStatus *, SessionGetOutputCount, (const OrtSession *, size_t *)) \
  S(33, OrtStatus *, SessionGetInputTypeInfo, (const OrtSession *, size_t, OrtTypeInfo **)) \
  S(34, OrtStatus *, SessionGetOutputTypeInfo, (const OrtSession *, size_t, OrtTypeInfo **)) \
  S(36, OrtStatus *, SessionGetInputName, (const OrtSession *, size_t, OrtAllocator *, char **)) \
  S(37, OrtStatus *, SessionGetOutputName, (const OrtSession *, size_t, OrtAllocator *, char **)) \
  S(48, OrtStatus *, CreateTensorAsOrtValue, \
    (OrtAllocator *, const int64_t *, size_t, int type, OrtValue **)) \
  S(49, OrtStatus *, CreateTensorWithDataAsOrtValue, \
    (const OrtMemoryInfo *, void *, size_t, const int64_t *, size_t, int type, OrtValue **)) \
  S(50, OrtStatus *, IsTensor, (const OrtValue *, int *)) \
  S(51, OrtStatus *, GetTensorMutableData, (OrtValue *, void **)) \
  S(52, OrtStatus *, FillStringTensor, (OrtValue *, const char *const *, size_t)) \
  S(53, OrtStatus *, GetStringTensorDataLength, (const OrtValue *, size_t *)) \
  S(54, OrtStatus *, GetStringTensorContent, (const OrtValue *, void *, size_t, size_t *, size_t)) \
  S(55, OrtStatus *, CastTypeInfoToTensorInfo, (const OrtTypeInfo *, const OrtTensorInfo **)) \
  S(56, OrtStatus *, GetOnnxTypeFromTypeInfo, (const OrtTypeInfo *, int *)) \
  S(60, OrtStatus *, GetTensorElementType, (const OrtTensorInfo *, int *)) \
  S(61, OrtStatus *, GetDimensionsCount, (const OrtTensorInfo *, size_t *)) \
  S(62, OrtStatus *, GetDimensions, (const OrtTensorInfo *, int64_t *, size_t)) \
  S(64, OrtStatus *, GetTensorShapeElementCount, (const OrtTensorInfo *, size_t *)) \
  S(65, OrtStatus *, GetTensorTypeAndShape, (const OrtValue *, OrtTensorInfo **)) \
  S(69, OrtStatus *, CreateCpuMemoryInfo, (int allocator, int memory, OrtMemoryInfo **)) \
  S(76, OrtStatus *, AllocatorFree, (OrtAllocator *, void *)) \
  S(78, OrtStatus *, GetAllocatorWithDefaultOptions, (OrtAllocator **)) \
  S(92, void, ReleaseEnv, (OrtEnv *)) \
  S(93, void, ReleaseStatus, (OrtStatus *)) \
  S(94, void, ReleaseMemoryInfo, (OrtMemoryInfo *)) \
  S(95, void, ReleaseSession, (OrtSession *)) \
  S(96, void, ReleaseValue, (OrtValue *)) \
  S(98, void, ReleaseTypeInfo, (OrtTypeInfo *)) \
  S(99, void, ReleaseTensorTypeAndShapeInfo, (OrtTensorInfo *)) \
  S(100, void, ReleaseSessionOptions, (OrtSessionOptions *))

enum {
  API_VERSION = 1,
  SEVERITY_FATAL = 4,
  OPTIMIZE_ALL = 99,
  ARENA_ALLOCATOR = 1,
  MEMORY_DEFAULT = 0,
  KIND_TENSOR = 1,
  TYPE_TEXT = 8,
  /* Inputs or outputs whose tensors fit on the stack. */
  FEW = 32,
  /* More inputs or outputs than any real model has. */
  MANY = 1 << 20
};

struct sluice_ort {
#define FIELD(number, result, name, parameters) result(*name) parameters;
  SLOTS(FIELD)
#undef FIELD
  const char *version;
  OrtEnv *environment;
  OrtMemoryInfo *memory;
  OrtAllocator *allocator;
};

struct sluice_ort_model {
  sluice_ort *library;
  OrtSession *session;
  size_t input_count, output_count;
  char **input_names, **output_names;
};

static int fail(sluice_ort_fault *fault, int32_t code, const char *text) {
  fault->code = code;
  snprintf(fault->text, sizeof fault->text, "%s", text);
  return -1;
}

/* 0 when the call went well; else -1 and what it said. */
static int check(const sluice_ort *o, OrtStatus *status, sluice_ort_fault *fault) {
  if (!status) return 0;
  const char *text = o->GetErrorMessage(status);
  int code = o->GetErrorCode(status);
  fail(fault, code > 0 ? code : 1, text && *text ? text : "it gave no reason");
  o->ReleaseStatus(status);
  return -1;
}

/* --- the library --- */

/* What it writes of its own accord goes nowhere: what fails also comes back as a status. */
static void drop_log(
    void *context, int severity, const char *category, const char *id, const char *place,
    const char *message) {
  (void)context, (void)severity, (void)category, (void)id, (void)place, (void)message;
}

static int set_up(sluice_ort *o, sluice_ort_fault *fault) {
  if (check(
          o,
          o->CreateEnvWithCustomLogger(drop_log, NULL, SEVERITY_FATAL, "sluice", &o->environment),
          fault) ||
      check(o, o->DisableTelemetryEvents(o->environment), fault) ||
      check(o, o->CreateCpuMemoryInfo(ARENA_ALLOCATOR, MEMORY_DEFAULT, &o->memory), fault) ||
      check(o, o->GetAllocatorWithDefaultOptions(&o->allocator), fault))
    return -1;
  if (!o->environment || !o->memory || !o->allocator)
    return fail(fault, SLUICE_ORT_NO_LIBRARY, "its environment cannot be made");
  return 0;
}

sluice_ort *sluice_ort_attach(const void *api_base, sluice_ort_fault *fault) {
  const OrtApiBase *base = api_base;
  if (!base || !base->get_api || !base->get_version) {
    fail(fault, SLUICE_ORT_NO_LIBRARY, "its OrtGetApiBase gives nothing");
    return NULL;
  }
  const char *version = base->get_version();
  void *const *table = base->get_api(API_VERSION);
  if (!version || !table) {
    fail(fault, SLUICE_ORT_NO_LIBRARY, "it does not have version 1 of the C interface");
    return NULL;
  }
  sluice_ort *o = calloc(1, sizeof *o);
  if (!o) {
    fail(fault, SLUICE_ORT_LIMIT, "not enough memory");
    return NULL;
  }
  o->version = version;
#define FILL(number, result, name, parameters) \
  memcpy(&o->name, &table[number], sizeof o->name); \
  if (!o->name) fail(fault, SLUICE_ORT_NO_LIBRARY, "it lacks the function " #name);
  SLOTS(FILL)
#undef FILL
  if (fault->code || set_up(o, fault)) {
    if (o->memory) o->ReleaseMemoryInfo(o->memory);
    if (o->environment) o->ReleaseEnv(o->environment);
    free(o);
    return NULL;
  }
  return o;
}

void sluice_ort_forbid_telemetry(void) {
  const char *set = getenv("ORT_DISABLE_TELEMETRY");
  if (!set || strcmp(set, "1") != 0) setenv("ORT_DISABLE_TELEMETRY", "1", 1);
}

sluice_ort *sluice_ort_open(const char *path, sluice_ort_fault *fault) {
  sluice_ort_forbid_telemetry();
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *text = dlerror();
    fail(fault, SLUICE_ORT_NO_LIBRARY, text ? text : "it cannot be loaded");
    return NULL;
  }
  const void *(*get_base)(void) = NULL;
  void *symbol = dlsym(handle, "OrtGetApiBase");
  memcpy(&get_base, &symbol, sizeof get_base);
  if (!get_base) {
    fail(fault, SLUICE_ORT_NO_LIBRARY, "it has no function OrtGetApiBase");
    dlclose(handle);
    return NULL;
  }
  /* It is never closed again: threads and handlers of its own may outlive any use. */
  return sluice_ort_attach(get_base(), fault);
}

const char *sluice_ort_version(const sluice_ort *library) { return library->version; }

/* --- models --- */

static int read_name(sluice_ort_model *m, int input, size_t index, sluice_ort_fault *fault) {
  const sluice_ort *o = m->library;
  char *name = NULL;
  if (check(
          o,
          input ? o->SessionGetInputName(m->session, index, o->allocator, &name)
                : o->SessionGetOutputName(m->session, index, o->allocator, &name),
          fault))
    return -1;
  char *copy = name ? strdup(name) : NULL;
  if (name && check(o, o->AllocatorFree(o->allocator, name), fault)) {
    free(copy);
    return -1;
  }
  if (!copy) return fail(fault, SLUICE_ORT_LIMIT, "an input or output has no name");
  (input ? m->input_names : m->output_names)[index] = copy;
  return 0;
}

static int describe(sluice_ort_model *m, sluice_ort_fault *fault) {
  const sluice_ort *o = m->library;
  if (check(o, o->SessionGetInputCount(m->session, &m->input_count), fault) ||
      check(o, o->SessionGetOutputCount(m->session, &m->output_count), fault))
    return -1;
  if (m->input_count > MANY || m->output_count > MANY) {
    m->input_count = m->output_count = 0;
    return fail(fault, SLUICE_ORT_LIMIT, "it has more than a million inputs or outputs");
  }
  m->input_names = calloc(m->input_count + 1, sizeof *m->input_names);
  m->output_names = calloc(m->output_count + 1, sizeof *m->output_names);
  if (!m->input_names || !m->output_names)
    return fail(fault, SLUICE_ORT_LIMIT, "not enough memory");
  for (size_t i = 0; i < m->input_count; i++)
    if (read_name(m, 1, i, fault)) return -1;
  for (size_t i = 0; i < m->output_count; i++)
    if (read_name(m, 0, i, fault)) return -1;
  return 0;
}

/* One thread, the caller's; every optimisation; silent. */
static OrtSessionOptions *make_options(const sluice_ort *o, sluice_ort_fault *fault) {
  OrtSessionOptions *options = NULL;
  if (check(o, o->CreateSessionOptions(&options), fault)) return NULL;
  if (check(o, o->SetIntraOpNumThreads(options, 1), fault) ||
      check(o, o->SetInterOpNumThreads(options, 1), fault) ||
      check(o, o->SetSessionLogSeverityLevel(options, SEVERITY_FATAL), fault) ||
      check(o, o->SetSessionGraphOptimizationLevel(options, OPTIMIZE_ALL), fault)) {
    o->ReleaseSessionOptions(options);
    return NULL;
  }
  return options;
}

sluice_ort_model *sluice_ort_load(
    sluice_ort *library, const void *bytes, size_t count, sluice_ort_fault *fault) {
  OrtSessionOptions *options = make_options(library, fault);
  if (!options) return NULL;
  OrtSession *session = NULL;
  int failed = check(
      library,
      library->CreateSessionFromArray(library->environment, bytes, count, options, &session),
      fault);
  library->ReleaseSessionOptions(options);
  if (failed) return NULL;
  sluice_ort_model *m = calloc(1, sizeof *m);
  if (!m) {
    library->ReleaseSession(session);
    fail(fault, SLUICE_ORT_LIMIT, "not enough memory");
    return NULL;
  }
  m->library = library;
  m->session = session;
  if (describe(m, fault)) {
    sluice_ort_unload(m);
    return NULL;
  }
  return m;
}

void sluice_ort_unload(sluice_ort_model *m) {
  if (!m) return;
  for (size_t i = 0; m->input_names && i < m->input_count; i++) free(m->input_names[i]);
  for (size_t i = 0; m->output_names && i < m->output_count; i++) free(m->output_names[i]);
  free(m->input_names);
  free(m->output_names);
  m->library->ReleaseSession(m->session);
  free(m);
}

size_t sluice_ort_input_count(const sluice_ort_model *m) { return m->input_count; }
size_t sluice_ort_output_count(const sluice_ort_model *m) { return m->output_count; }

const char *sluice_ort_input_name(const sluice_ort_model *m, size_t index) {
  return index < m->input_count ? m->input_names[index] : NULL;
}

const char *sluice_ort_output_name(const sluice_ort_model *m, size_t index) {
  return index < m->output_count ? m->output_names[index] : NULL;
}

static int read_shape(
    const sluice_ort *o, const OrtTensorInfo *info, int32_t *element_type, int32_t *rank,
    int64_t *dims, sluice_ort_fault *fault) {
  int type = 0;
  size_t count = 0;
  if (check(o, o->GetTensorElementType(info, &type), fault) ||
      check(o, o->GetDimensionsCount(info, &count), fault))
    return -1;
  *element_type = type;
  *rank = count > SLUICE_ORT_RANK_MAX ? SLUICE_ORT_RANK_MAX + 1 : (int32_t)count;
  if (count > SLUICE_ORT_RANK_MAX) return 0;
  return check(o, o->GetDimensions(info, dims, count), fault);
}

static int read_type(
    const sluice_ort *o, OrtTypeInfo *whole, sluice_ort_type *type, sluice_ort_fault *fault) {
  int kind = 0;
  const OrtTensorInfo *tensor = NULL;
  if (check(o, o->GetOnnxTypeFromTypeInfo(whole, &kind), fault)) return -1;
  type->kind = kind;
  if (kind != KIND_TENSOR) return 0;
  if (check(o, o->CastTypeInfoToTensorInfo(whole, &tensor), fault)) return -1;
  if (!tensor) return fail(fault, SLUICE_ORT_OUTPUT, "a tensor without a type");
  return read_shape(o, tensor, &type->element_type, &type->rank, type->dims, fault);
}

int sluice_ort_input_type(
    const sluice_ort_model *m, size_t index, sluice_ort_type *type, sluice_ort_fault *fault) {
  OrtTypeInfo *whole = NULL;
  memset(type, 0, sizeof *type);
  if (check(m->library, m->library->SessionGetInputTypeInfo(m->session, index, &whole), fault))
    return -1;
  int result = read_type(m->library, whole, type, fault);
  m->library->ReleaseTypeInfo(whole);
  return result;
}

int sluice_ort_output_type(
    const sluice_ort_model *m, size_t index, sluice_ort_type *type, sluice_ort_fault *fault) {
  OrtTypeInfo *whole = NULL;
  memset(type, 0, sizeof *type);
  if (check(m->library, m->library->SessionGetOutputTypeInfo(m->session, index, &whole), fault))
    return -1;
  int result = read_type(m->library, whole, type, fault);
  m->library->ReleaseTypeInfo(whole);
  return result;
}

/* --- running --- */

static OrtValue *make_value(
    const sluice_ort *o, const sluice_ort_input *input, sluice_ort_fault *fault) {
  OrtValue *value = NULL;
  size_t rank = (size_t)input->rank;
  if (input->element_type != TYPE_TEXT) {
    /* The parameter is not const for the sake of outputs; an input's memory is only read. */
    void *data = (void *)(uintptr_t)input->data;
    check(
        o,
        o->CreateTensorWithDataAsOrtValue(
            o->memory, data, input->bytes, input->dims, rank, input->element_type, &value),
        fault);
    return value;
  }
  if (check(
          o, o->CreateTensorAsOrtValue(o->allocator, input->dims, rank, TYPE_TEXT, &value), fault))
    return NULL;
  if (input->count > 0 && check(o, o->FillStringTensor(value, input->data, input->count), fault)) {
    o->ReleaseValue(value);
    return NULL;
  }
  return value;
}

static int read_output(
    const sluice_ort *o, OrtValue *value, sluice_ort_output *output, sluice_ort_fault *fault) {
  int is_tensor = 0;
  OrtTensorInfo *info = NULL;
  if (!value) return fail(fault, SLUICE_ORT_OUTPUT, "an output was not computed");
  if (check(o, o->IsTensor(value, &is_tensor), fault)) return -1;
  if (!is_tensor) return fail(fault, SLUICE_ORT_OUTPUT, "an output is no tensor");
  if (check(o, o->GetTensorTypeAndShape(value, &info), fault)) return -1;
  int failed =
      read_shape(o, info, &output->element_type, &output->rank, output->dims, fault) ||
      check(o, o->GetTensorShapeElementCount(info, &output->count), fault);
  o->ReleaseTensorTypeAndShapeInfo(info);
  if (failed) return -1;
  if (output->rank > SLUICE_ORT_RANK_MAX)
    return fail(fault, SLUICE_ORT_OUTPUT, "an output has more than 8 dimensions");
  if (output->element_type == TYPE_TEXT)
    return check(o, o->GetStringTensorDataLength(value, &output->text_bytes), fault);
  void *data = NULL;
  if (check(o, o->GetTensorMutableData(value, &data), fault)) return -1;
  output->data = data;
  return 0;
}

static int run_with(
    sluice_ort_model *m, const sluice_ort_input *inputs, size_t input_count,
    sluice_ort_output *outputs, size_t output_count, void **memory, sluice_ort_fault *fault) {
  const sluice_ort *o = m->library;
  const OrtValue **values = (const OrtValue **)memory;
  const char **names = (const char **)(memory + input_count);
  OrtValue **results = (OrtValue **)(memory + 2 * input_count);
  const char **result_names = (const char **)(memory + 2 * input_count + output_count);
  size_t made = 0;
  int failed = 0;
  while (made < input_count) {
    names[made] = inputs[made].name;
    values[made] = make_value(o, &inputs[made], fault);
    if (!values[made]) break;
    made++;
  }
  failed = made < input_count;
  for (size_t i = 0; i < output_count; i++) {
    result_names[i] = outputs[i].name;
    results[i] = NULL;
  }
  if (!failed)
    failed = check(
        o,
        o->Run(
            m->session, NULL, names, values, input_count, result_names, output_count, results),
        fault);
  for (size_t i = 0; i < made; i++) o->ReleaseValue((OrtValue *)(uintptr_t)values[i]);
  for (size_t i = 0; i < output_count; i++) {
    outputs[i].value = results[i];
    if (!failed) failed = read_output(o, results[i], &outputs[i], fault);
  }
  return failed ? -1 : 0;
}

int sluice_ort_run(
    sluice_ort_model *m, const sluice_ort_input *inputs, size_t input_count,
    sluice_ort_output *outputs, size_t output_count, sluice_ort_fault *fault) {
  void *few[4 * FEW];
  void **memory = few;
  for (size_t i = 0; i < output_count; i++) outputs[i].value = NULL;
  if (input_count > MANY || output_count > MANY)
    return fail(fault, SLUICE_ORT_LIMIT, "too many inputs or outputs");
  if (input_count > FEW || output_count > FEW) {
    memory = calloc(2 * (input_count + output_count), sizeof *memory);
    if (!memory) return fail(fault, SLUICE_ORT_LIMIT, "not enough memory");
  }
  int result = run_with(m, inputs, input_count, outputs, output_count, memory, fault);
  if (memory != few) free(memory);
  return result;
}

int sluice_ort_texts(
    sluice_ort_model *m, const sluice_ort_output *output, char *bytes, size_t *offsets,
    sluice_ort_fault *fault) {
  return check(
      m->library,
      m->library->GetStringTensorContent(
          output->value, bytes, output->text_bytes, offsets, output->count),
      fault);
}

void sluice_ort_release(sluice_ort_model *m, sluice_ort_output *outputs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (outputs[i].value) m->library->ReleaseValue(outputs[i].value);
    outputs[i].value = NULL;
  }
}
