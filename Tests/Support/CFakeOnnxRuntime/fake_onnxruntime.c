#include "CFakeOnnxRuntime.h"

#include <stdint.h>
#include <stddef.h>

enum { SLOTS = 102, GET_ERROR_CODE = 1, GET_ERROR_MESSAGE = 2, GAP = 54 };

typedef struct {
  const void *(*get_api)(uint32_t version);
  const char *(*get_version)(void);
} api_base;

static const char *said_version = "1.0.0";
static const char *version(void) { return said_version; }
static const char *no_version(void) { return NULL; }

/* The functions take what they are given in registers and ignore it. */
static void *succeed(void) { return NULL; }
static int code(void) { return 1; }
static const char *message(void) { return "\x1b[2Jit\nfails"; }
static void *fail_always(void) { return &said_version; }

static const void *table[SLOTS];

static const void *make_table(void *(*function)(void)) {
  for (size_t i = 0; i < SLOTS; i++) table[i] = (const void *)function;
  table[GET_ERROR_CODE] = (const void *)code;
  table[GET_ERROR_MESSAGE] = (const void *)message;
  return table;
}

static const void *no_api(uint32_t number) { return (void)number, NULL; }
static const void *idle_api(uint32_t number) {
  return number == 1 ? make_table(succeed) : NULL;
}
static const void *gap_api(uint32_t number) {
  if (number != 1) return NULL;
  make_table(succeed);
  table[GAP] = NULL;
  return table;
}
static const void *failing_api(uint32_t number) {
  return number == 1 ? make_table(fail_always) : NULL;
}

const void *fake_ort_without_interface(const char *said) {
  static const api_base base = {no_api, version};
  said_version = said;
  return &base;
}

const void *fake_ort_that_does_nothing(const char *said) {
  static const api_base base = {idle_api, version};
  said_version = said;
  return &base;
}

const void *fake_ort_with_a_gap(void) {
  static const api_base base = {gap_api, version};
  return &base;
}

const void *fake_ort_that_fails(void) {
  static const api_base base = {failing_api, version};
  return &base;
}

const void *fake_ort_without_version(void) {
  static const api_base base = {idle_api, no_version};
  return &base;
}
