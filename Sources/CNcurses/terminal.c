/* The kernel's side of a terminal: device, size, settings, wake-ups, signals; and the start of
 * ncurses on it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "CNcurses.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

SCREEN *sl_new_terminal(const char *type, FILE *out, FILE *in) {
  static const int touched[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
  enum { COUNT = sizeof touched / sizeof touched[0] };
  struct sigaction before[COUNT];
  for (int i = 0; i < COUNT; i++) sigaction(touched[i], NULL, &before[i]);
  SCREEN *screen = newterm(type, out, in);
  for (int i = 0; i < COUNT; i++) sigaction(touched[i], &before[i], NULL);
  return screen;
}

const char *sl_capability(const char *name) {
  /* tigetstr's two failures are NULL and -1. */
  const char *text = tigetstr((char *)name);
  return text == (const char *)-1 ? NULL : text;
}

int sl_width(uint32_t scalar) { return wcwidth((wchar_t)scalar); }

static bool codeset_is_utf8(void) { return strcasecmp(nl_langinfo(CODESET), "UTF-8") == 0; }

bool sl_set_locale(void) {
  if (setlocale(LC_CTYPE, "") != NULL && codeset_is_utf8()) return true;
  if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) setlocale(LC_CTYPE, "en_US.UTF-8");
  return false;
}

bool sl_window_size(int fd, int *columns, int *rows) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return false;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return true;
}

struct termios sl_raw_settings(struct termios saved) {
  struct termios raw = saved;
  cfmakeraw(&raw);
  /* At least one byte, so that 0 from read means that the terminal is gone. */
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  return raw;
}

int sl_reopen_terminal(int fd) {
  char name[256];
  if (ttyname_r(fd, name, sizeof name) != 0) return -1;
  return open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

int sl_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int sl_wake_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

static void terminal_signals(sigset_t *set) {
  static const int numbers[] = {SIGWINCH, SIGTERM, SIGINT,  SIGHUP,
                                SIGTSTP,  SIGCONT, SIGUSR1, SIGUSR2};
  sigemptyset(set);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) sigaddset(set, numbers[i]);
}

int sl_block_signals(void) {
  sigset_t set;
  terminal_signals(&set);
  return pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int sl_signal_descriptor(void) {
  sigset_t set;
  terminal_signals(&set);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int sl_next_signal(int descriptor) {
  struct signalfd_siginfo info;
  ssize_t got = read(descriptor, &info, sizeof info);
  return got == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
