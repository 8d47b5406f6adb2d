// Times other libraries through their own C interfaces, without their headers and without Python
// in the loop. Built as a shared library and called by kernels.py:
//   cc -O2 -shared -fPIC -o peers.so peers.c -ldl
//
// Each function walks through `rows` rows of `width` floats, `batch` rows a call, for about
// `seconds` of processor time of this thread, and gives microseconds of processor time a row (or a
// negative number when the library refused). The answers of the first call are left in `answers`.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// The loop that all share: CALL uses `at`, the first row of the call.
#define TIMED(CALL)                                                                           \
  double begin = now(), end;                                                                  \
  size_t calls = 0, at = 0;                                                                   \
  do {                                                                                        \
    size_t inner = batch >= 256 ? 1 : 256 / batch;                                            \
    for (size_t i = 0; i < inner; i++) {                                                      \
      if (at + batch > rows) at = 0;                                                          \
      CALL;                                                                                   \
      at += batch;                                                                            \
      calls++;                                                                                \
    }                                                                                         \
    end = now();                                                                              \
  } while (end - begin < seconds);                                                            \
  return (end - begin) / (double)(calls * batch) * 1e6;

// ---- onnxruntime: the first version of its function table, whose places never change.

static void **ort;
static void *ort_env;

#define SLOT(index, type) ((type)ort[index])
typedef void *(*CreateEnv)(int, const char *, void **);
typedef void *(*CreateSession)(void *, const char *, void *, void **);
typedef void *(*Run)(void *, void *, const char *const *, void *const *, size_t,
                     const char *const *, size_t, void **);
typedef void *(*CreateOptions)(void **);
typedef void *(*SetInt)(void *, int);
typedef void *(*CreateTensor)(void *, void *, size_t, const int64_t *, size_t, int, void **);
typedef void *(*Data)(void *, void **);
typedef void *(*MemoryInfo)(int, int, void **);
typedef void (*Release)(void *);
typedef const char *(*Message)(void *);

static int refused(void *status, const char *what) {
  if (!status) return 0;
  fprintf(stderr, "onnxruntime: %s: %s\n", what, SLOT(2, Message)(status));
  SLOT(93, Release)(status);
  return 1;
}

int ort_open(const char *library) {
  if (ort) return 0;
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return -1;
  void *(*base)(void) = (void *(*)(void))dlsym(handle, "OrtGetApiBase");
  if (!base) return -1;
  void *(*get)(uint32_t) = ((void *(**)(uint32_t))base())[0];
  ort = get(1);
  return refused(SLOT(3, CreateEnv)(3, "bench", &ort_env), "environment");
}

void *ort_load(const char *model) {
  void *options = NULL, *session = NULL;
  if (refused(SLOT(10, CreateOptions)(&options), "options")) return NULL;
  refused(SLOT(23, SetInt)(options, 99), "optimisation level");
  refused(SLOT(24, SetInt)(options, 1), "threads");
  refused(SLOT(25, SetInt)(options, 1), "threads");
  if (refused(SLOT(7, CreateSession)(ort_env, model, options, &session), "model")) return NULL;
  SLOT(100, Release)(options);
  return session;
}

// `output` is the number of the output whose floats are wanted.
double ort_time(void *session, const char *input, const char *const *outputs, size_t output_count,
                size_t output, const float *data, size_t rows, size_t width, size_t batch,
                double seconds, float *answers, size_t answer_count) {
  void *info = NULL;
  if (refused(SLOT(69, MemoryInfo)(1, 0, &info), "memory")) return -1;
  void *values[8] = {0};
  int64_t shape[2] = {(int64_t)batch, (int64_t)width};
  int is_first = 1;
  TIMED({
    void *tensor = NULL;
    if (refused(SLOT(49, CreateTensor)(info, (void *)(data + at * width),
                                       batch * width * sizeof(float), shape, 2, 1, &tensor),
                "tensor"))
      return -1;
    memset(values, 0, sizeof values);
    if (refused(SLOT(9, Run)(session, NULL, &input, (void *const *)&tensor, 1, outputs,
                             output_count, values),
                "run"))
      return -1;
    if (is_first && answers) {
      void *floats = NULL;
      SLOT(51, Data)(values[output], &floats);
      memcpy(answers, floats, answer_count * sizeof(float));
      is_first = 0;
    }
    for (size_t o = 0; o < output_count; o++) SLOT(96, Release)(values[o]);
    SLOT(96, Release)(tensor);
  })
}

// ---- XGBoost

typedef int (*XGPredict)(void *, const char *, const char *, void *, const uint64_t **, uint64_t *,
                         const float **);
static void *xgb;

void *xgb_load(const char *library, const char *model) {
  if (!xgb) xgb = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!xgb) return NULL;
  int (*create)(void *, uint64_t, void **) =
      (int (*)(void *, uint64_t, void **))dlsym(xgb, "XGBoosterCreate");
  int (*load)(void *, const char *) = (int (*)(void *, const char *))dlsym(xgb, "XGBoosterLoadModel");
  int (*set)(void *, const char *, const char *) =
      (int (*)(void *, const char *, const char *))dlsym(xgb, "XGBoosterSetParam");
  void *booster = NULL;
  if (create(NULL, 0, &booster) || load(booster, model)) return NULL;
  set(booster, "nthread", "1");
  return booster;
}

double xgb_time(void *booster, const float *data, size_t rows, size_t width, size_t batch,
                double seconds, float *answers, size_t answer_count) {
  XGPredict predict = (XGPredict)dlsym(xgb, "XGBoosterPredictFromDense");
  const char *config =
      "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
      "\"strict_shape\":false,\"cache_id\":0,\"missing\":NaN}";
  int is_first = 1;
  TIMED({
    char array[200];
    snprintf(array, sizeof array,
             "{\"data\":[%llu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
             (unsigned long long)(uintptr_t)(data + at * width), batch, width);
    const uint64_t *shape = NULL;
    uint64_t dimensions = 0;
    const float *result = NULL;
    if (predict(booster, array, config, NULL, &shape, &dimensions, &result)) return -1;
    if (is_first && answers) memcpy(answers, result, answer_count * sizeof(float));
    is_first = 0;
  })
}

// ---- LightGBM

static void *lgb;

void *lgb_load(const char *library, const char *model) {
  if (!lgb) lgb = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!lgb) return NULL;
  int (*load)(const char *, int *, void **) =
      (int (*)(const char *, int *, void **))dlsym(lgb, "LGBM_BoosterCreateFromModelfile");
  int iterations = 0;
  void *booster = NULL;
  return load(model, &iterations, &booster) ? NULL : booster;
}

double lgb_time(void *booster, const float *data, size_t rows, size_t width, size_t batch,
                double seconds, double *answers) {
  int (*prepare)(void *, int, int, int, int, int, const char *, void **) =
      (int (*)(void *, int, int, int, int, int, const char *, void **))dlsym(
          lgb, "LGBM_BoosterPredictForMatSingleRowFastInit");
  int (*one)(void *, const void *, int64_t *, double *) =
      (int (*)(void *, const void *, int64_t *, double *))dlsym(
          lgb, "LGBM_BoosterPredictForMatSingleRowFast");
  int (*many)(void *, const void *, int, int32_t, int32_t, int, int, int, int, const char *,
              int64_t *, double *) =
      (int (*)(void *, const void *, int, int32_t, int32_t, int, int, int, int, const char *,
               int64_t *, double *))dlsym(lgb, "LGBM_BoosterPredictForMat");
  void *fast = NULL;
  if (batch == 1 && prepare(booster, 0, 0, -1, 0, (int)width, "num_threads=1", &fast)) return -1;
  int64_t length = 0;
  TIMED({
    int failed = batch == 1
                     ? one(fast, data + at * width, &length, answers)
                     : many(booster, data + at * width, 0, (int32_t)batch, (int32_t)width, 1, 0, 0,
                            -1, "num_threads=1", &length, answers);
    if (failed) return -1;
  })
}

// ---- Generated code: tl2cgen's `predict` for one row, lleaves' entry for a range of rows.

// An entry is a 4-byte float, or an 8-byte double for models with 64-bit thresholds.
double generated_rows_time(void *function, int is_wide, const float *data, size_t rows,
                           size_t width, size_t batch, double seconds, void *answers) {
  void (*narrow)(const float *, int, float *) = (void (*)(const float *, int, float *))function;
  void (*wide)(const double *, int, double *) = (void (*)(const double *, int, double *))function;
  double *copy = malloc(width * sizeof(double));
  TIMED({
    for (size_t r = 0; r < batch; r++) {
      const float *row = data + (at + r) * width;
      if (is_wide) {
        // What a caller with 32-bit rows has to do.
        for (size_t f = 0; f < width; f++) copy[f] = (double)row[f];
        wide(copy, 0, (double *)answers + r);
      } else {
        narrow(row, 0, (float *)answers + r);
      }
    }
  })
}

double generated_range_time(void *function, const double *data, size_t rows, size_t width,
                            size_t batch, double seconds, double *answers) {
  void (*entry)(const double *, double *, int, int) =
      (void (*)(const double *, double *, int, int))function;
  TIMED({ entry(data + at * width, answers, 0, (int)batch); })
}
