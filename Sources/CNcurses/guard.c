/* The crash guard: gives the person a working terminal back when the program dies by a trap.
 *
 * Everything a handler needs is copied into static memory beforehand; the handler calls only
 * async-signal-safe functions (signal-safety(7)).
 */
#include "CNcurses.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  RESTORE_BYTES_MAX = 1024,
  NOTICE_BYTES_MAX = 512,
  PATH_BYTES_MAX = 1024,
  FRAMES_MAX = 64,
  ALTERNATE_STACK_BYTES = 64 * 1024
};

static const int fatal_signals[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGQUIT};
enum { FATAL_COUNT = sizeof fatal_signals / sizeof fatal_signals[0] };

static struct sigaction previous[FATAL_COUNT];
static atomic_bool installed;
static atomic_bool armed;
static int guard_fd = -1;
static struct termios guard_settings;
static char restore_text[RESTORE_BYTES_MAX];
static size_t restore_bytes;
static char notice_text[NOTICE_BYTES_MAX];
static size_t notice_bytes;
static char trace_path[PATH_BYTES_MAX];

/* Writes with a limit on waiting: a terminal that reads nothing must not hold a dying process. */
static void write_bounded(const char *text, size_t count) {
  for (int attempt = 0; attempt < 64 && count > 0; attempt++) {
    ssize_t written = write(guard_fd, text, count);
    if (written > 0) {
      text += written;
      count -= (size_t)written;
    } else if (written < 0 && errno == EAGAIN) {
      struct pollfd p = {.fd = guard_fd, .events = POLLOUT};
      if (poll(&p, 1, 20) <= 0) return;
    } else if (written < 0 && errno != EINTR) {
      return;
    }
  }
}

static void restore_terminal(void) {
  if (!atomic_exchange(&armed, false)) return;
  write_bounded(restore_text, restore_bytes);
  tcsetattr(guard_fd, TCSANOW, &guard_settings);
  write_bounded(notice_text, notice_bytes);
}

/* Writes the calls that led here as addresses and symbols: what is left where Swift's crash
 * reporter is not installed. backtrace() was called once before, so it need not load anything. */
static void write_trace(int number) {
  if (trace_path[0] == 0) return;
  int file = open(trace_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  char line[] = "sluice died of signal 00\n";
  line[sizeof line - 4] = (char)('0' + number / 10 % 10);
  line[sizeof line - 3] = (char)('0' + number % 10);
  ssize_t ignored = write(file, line, sizeof line - 1);
  (void)ignored;
  void *frames[FRAMES_MAX];
  backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), file);
  close(file);
}

static void on_fatal_signal(int number, siginfo_t *info, void *context) {
  int saved_errno = errno;
  restore_terminal();
  write_trace(number);
  errno = saved_errno;
  for (int i = 0; i < FATAL_COUNT; i++) {
    if (fatal_signals[i] != number) continue;
    struct sigaction *p = &previous[i];
    if (p->sa_flags & SA_SIGINFO) {
      /* The former handler gets the very context of the fault. */
      p->sa_sigaction(number, info, context);
    } else if (p->sa_handler != SIG_DFL && p->sa_handler != SIG_IGN) {
      p->sa_handler(number);
    } else {
      break;
    }
    /* A fault happens again on return, now without a handler. A breakpoint and a signal that
     * somebody sent do not: without the lines below the process would go on, its screen gone. */
    if (info->si_code > 0 && number != SIGTRAP) return;
    break;
  }
  /* The signal is blocked while its handler runs, so the raised one acts on return. */
  signal(number, SIG_DFL);
  raise(number);
}

int sl_guard_install(const char *trace_file) {
  if (atomic_exchange(&installed, true)) return 0;
  if (trace_file != NULL && strlen(trace_file) < PATH_BYTES_MAX) {
    strcpy(trace_path, trace_file);
    void *frame;
    backtrace(&frame, 1);
  }
  /* A stack overflow needs another stack to be handled on; one may be there already. */
  stack_t stack;
  if (sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_DISABLE)) {
    void *memory = mmap(
        NULL, ALTERNATE_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) {
      stack_t own = {.ss_sp = memory, .ss_size = ALTERNATE_STACK_BYTES, .ss_flags = 0};
      sigaltstack(&own, NULL);
    }
  }
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fatal_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < FATAL_COUNT; i++) {
    if (sigaction(fatal_signals[i], &action, &previous[i]) != 0) return -1;
  }
  return 0;
}

int sl_guard_arm(
    int fd, const struct termios *settings, const char *restore, const char *notice) {
  size_t restore_count = strlen(restore), notice_count = notice ? strlen(notice) : 0;
  if (restore_count > RESTORE_BYTES_MAX || notice_count > NOTICE_BYTES_MAX) return -1;
  atomic_store(&armed, false);
  guard_fd = fd;
  guard_settings = *settings;
  memcpy(restore_text, restore, restore_count);
  restore_bytes = restore_count;
  if (notice_count > 0) memcpy(notice_text, notice, notice_count);
  notice_bytes = notice_count;
  atomic_store(&armed, true);
  return 0;
}

void sl_guard_disarm(void) { atomic_store(&armed, false); }

_Noreturn void sl_crash(void) { __builtin_trap(); }
