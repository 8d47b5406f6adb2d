#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

int sluice_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void sluice_eventfd_signal(int fd) {
  const uint64_t one = 1;
  const int saved = errno;
  ssize_t ignored = write(fd, &one, sizeof one);
  (void)ignored;
  errno = saved;
}

uint64_t sluice_eventfd_drain(int fd) {
  uint64_t count = 0;
  return read(fd, &count, sizeof count) == (ssize_t)sizeof count ? count : 0;
}

int sluice_signalfd(const int *signals, int count) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
  const int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
  if (failed != 0) { errno = failed; return -1; }
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int sluice_signalfd_next(int fd) {
  struct signalfd_siginfo info;
  const ssize_t count = read(fd, &info, sizeof info);
  if (count == (ssize_t)sizeof info) return (int)info.ssi_signo;
  return count < 0 && errno != EAGAIN && errno != EINTR ? -1 : 0;
}

int sluice_unix_socket(void) {
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int unix_address(struct sockaddr_un *address, const char *path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) { errno = ENAMETOOLONG; return -1; }
  strcpy(address->sun_path, path);
  return 0;
}

int sluice_unix_bind(int fd, const char *path) {
  struct sockaddr_un address;
  if (unix_address(&address, path) != 0) return -1;
  return bind(fd, (const struct sockaddr *)&address, sizeof address);
}

int sluice_unix_connect(int fd, const char *path) {
  struct sockaddr_un address;
  if (unix_address(&address, path) != 0) return -1;
  return connect(fd, (const struct sockaddr *)&address, sizeof address);
}

int sluice_accept(int fd) {
  return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int sluice_peer_credentials(int fd, uint32_t *uid, uint32_t *gid, int32_t *pid) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  *uid = peer.uid;
  *gid = peer.gid;
  *pid = peer.pid;
  return 0;
}

void sluice_thread_name(const char *name) {
  char text[16];
  strncpy(text, name, sizeof text - 1);
  text[sizeof text - 1] = 0;
  pthread_setname_np(pthread_self(), text);
}

int64_t sluice_process_cpu_microseconds(void) {
  struct timespec time;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return 0;
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t sluice_thread_cpu_nanoseconds(void) {
  struct timespec time;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return 0;
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t sluice_peak_memory_bytes(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

int sluice_terminal_size(int fd, int32_t *rows, int32_t *columns) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return -1;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return 0;
}

int64_t sluice_resident_memory_bytes(void) {
  char text[128];
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t count = read(fd, text, sizeof text - 1);
  close(fd);
  if (count <= 0) return 0;
  text[count] = 0;
  /* "size resident shared ...", in pages. */
  char *rest = text;
  (void)strtoll(rest, &rest, 10);
  return strtoll(rest, NULL, 10) * (int64_t)sysconf(_SC_PAGESIZE);
}

int sluice_wcwidth(uint32_t scalar) { return wcwidth((wchar_t)scalar); }

int sluice_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

static int spawn_group(
    char *const *arguments, char *const *environment, posix_spawn_file_actions_t *actions,
    int *process) {
  posix_spawnattr_t attributes;
  int status = posix_spawnattr_init(&attributes);
  if (status != 0) return status;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  status = posix_spawnp(&child, arguments[0], actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  *process = child;
  return status;
}

int sluice_spawn_group(
    char *const *arguments, char *const *environment, const char *directory, int output, int nice,
    int *process) {
  posix_spawn_file_actions_t actions;
  int status = posix_spawn_file_actions_init(&actions);
  if (status != 0) return status;
  status = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (status == 0) status = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (status == 0) status = posix_spawn_file_actions_adddup2(&actions, output, 2);
  if (status == 0) status = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  if (status == 0) status = posix_spawn_file_actions_addchdir_np(&actions, directory);
  if (status == 0) status = spawn_group(arguments, environment, &actions, process);
  posix_spawn_file_actions_destroy(&actions);
  if (status == 0) setpriority(PRIO_PGRP, (id_t)*process, nice);
  return status;
}

int sluice_has_ended(int process) {
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno != EINTR;
  return info.si_pid == process;
}
