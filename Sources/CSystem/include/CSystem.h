/* What Swift's Glibc module lacks: Linux calls that it does not import, and variadic functions and
 * macros in a form that Swift can call.
 *
 * Importers: Gateway, Node and Console. Everything is a thin wrapper: results and errno are those
 * of the call itself, unless the comment says otherwise.
 *
 * The header includes no system header but stdint.h: Swift's Glibc module was built without
 * _GNU_SOURCE, and two modules that see different definitions of one system type do not load
 * together.
 */
#ifndef SLUICE_CSYSTEM_H
#define SLUICE_CSYSTEM_H

#include <stdint.h>

/* --- waking a poll(2) from another thread: eventfd(2) --- */

/* A new non-blocking descriptor, closed on exec; -1 with errno. */
int sluice_eventfd(void);

/* Makes the descriptor readable. Safe in a signal handler; never blocks. */
void sluice_eventfd_signal(int fd);

/* Takes all signals that came since the last drain; returns how many, 0 when there were none. */
uint64_t sluice_eventfd_drain(int fd);

/* --- signals as readable events: signalfd(2) --- */

/* Blocks `count` signals in the calling thread (and threads it makes later) and returns a
 * non-blocking descriptor that delivers them; -1 with errno. Call it before any thread is made. */
int sluice_signalfd(const int *signals, int count);

/* The next signal's number, 0 when none waits, -1 with errno. */
int sluice_signalfd_next(int fd);

/* --- Unix-domain sockets --- */

/* A new non-blocking stream socket, closed on exec; -1 with errno. */
int sluice_unix_socket(void);

/* bind(2) to a path. */
int sluice_unix_bind(int fd, const char *path);

/* connect(2) to a path; EAGAIN when the listener's queue is full. */
int sluice_unix_connect(int fd, const char *path);

/* accept4(2): the connection is non-blocking and closed on exec. */
int sluice_accept(int fd);

/* Who connected, as the kernel noted at connect(2) (SO_PEERCRED); 0, or -1 with errno. */
int sluice_peer_credentials(int fd, uint32_t *uid, uint32_t *gid, int32_t *pid);

/* --- threads and the process --- */

/* Names the calling thread for top(1) and debuggers; what is over 15 bytes is cut. */
void sluice_thread_name(const char *name);

/* The processor time of the whole process so far, in microseconds. */
int64_t sluice_process_cpu_microseconds(void);

/* The processor time of the calling thread so far, in nanoseconds. */
int64_t sluice_thread_cpu_nanoseconds(void);

/* The most memory the process has had resident, in bytes. */
int64_t sluice_peak_memory_bytes(void);

/* The memory resident now, in bytes (proc(5), statm); 0 when /proc is not there. */
int64_t sluice_resident_memory_bytes(void);

/* --- the terminal --- */

/* The size of the terminal behind `fd` (TIOCGWINSZ, an ioctl is variadic); 0, or -1 with errno. */
int sluice_terminal_size(int fd, int32_t *rows, int32_t *columns);

/* How many columns a scalar takes by the C library in the current locale: 0, 1, 2, or -1 when it
 * is no printable character (wcwidth(3)). */
int sluice_wcwidth(uint32_t scalar);

/* --- a command of the operator's in a process group of its own --- */

/* A pipe, both ends closed on exec; -1 with errno. */
int sluice_pipe(int ends[2]);

/* Starts `arguments[0]` (looked up in PATH) in `directory`, in a new process group, with no signal
 * blocked or ignored: standard input is empty, standard output and error go to `output`, nothing
 * else is open. The group's priority is lowered by `nice`. Returns 0 or the error number. */
int sluice_spawn_group(
    char *const *arguments, char *const *environment, const char *directory, int output, int nice,
    int *process);

/* Whether a child of this process has ended; it still has to be waited for. */
int sluice_has_ended(int process);

#endif
