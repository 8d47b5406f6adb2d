/* What Swift needs from ncurses and from the kernel's terminal interface.
 *
 * Swift cannot import the library's globals (stdscr, curscr, COLORS), its cast macros (A_BOLD ...)
 * nor its variadic functions, so each that is used stands here behind a function. The only Swift
 * folder that imports this target is Sources/Console/Screen.
 */
#ifndef SLUICE_CNCURSES_H
#define SLUICE_CNCURSES_H

#ifndef _XOPEN_SOURCE_EXTENDED
#define _XOPEN_SOURCE_EXTENDED 1
#endif
#ifndef NCURSES_WIDECHAR
#define NCURSES_WIDECHAR 1
#endif

#include <curses.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <termios.h>
#include <wchar.h>

/* ---- ncurses: globals, macros, cells -------------------------------------------------------- */

/* Attribute bits, as a bit set of our own: 1 bold, 2 reverse, 4 underline, 8 dim. */
static inline attr_t sl_attributes(uint8_t emphasis) {
  attr_t a = A_NORMAL;
  if (emphasis & 1) a |= A_BOLD;
  if (emphasis & 2) a |= A_REVERSE;
  if (emphasis & 4) a |= A_UNDERLINE;
  if (emphasis & 8) a |= A_DIM;
  return a;
}

static inline int sl_colours(void) { return COLORS; }
static inline int sl_pairs(void) { return COLOR_PAIRS; }
/* Forget what the terminal shows: the next update paints everything. */
static inline void sl_repaint(void) { clearok(curscr, TRUE); }

/* One cell: a base character, at most one combining mark, attributes and a colour pair. */
static inline void sl_set_cell(
    cchar_t *cell, uint32_t base, uint32_t mark, attr_t attributes, int pair) {
  wchar_t text[3] = {(wchar_t)base, (wchar_t)mark, 0};
  int wide_pair = pair;
  setcchar(cell, text, attributes, 0, &wide_pair);
}

/* Puts `count` cells on the virtual screen, from a place rightwards. */
static inline void sl_put_run(int y, int x, const cchar_t *cells, int count) {
  mvwadd_wchnstr(stdscr, y, x, cells, count);
}
static inline void sl_stage(void) { wnoutrefresh(stdscr); }
static inline void sl_place_cursor(int y, int x) { wmove(stdscr, y, x); }
static inline void sl_keep_cursor_where_left(bool leave) { leaveok(stdscr, leave); }

/* A string capability of the terminal in use, or NULL. */
const char *sl_capability(const char *name);

/* newterm, with the signal dispositions left as they were: ncurses would install handlers that end
 * the process inside the handler. Returns NULL for an unknown terminal. */
SCREEN *sl_new_terminal(const char *type, FILE *out, FILE *in);

/* ---- locale ---------------------------------------------------------------------------------- */

/* Takes the environment's character type; C.UTF-8 where that has no wide characters (wcwidth is -1
 * for every box character in the C locale). Returns whether the environment itself said UTF-8. */
bool sl_set_locale(void);
/* The C library's width of a character: -1, 0, 1 or 2. */
int sl_width(uint32_t scalar);

/* ---- terminal device ------------------------------------------------------------------------- */

/* Columns and rows by TIOCGWINSZ; false when the device has no size. */
bool sl_window_size(int fd, int *columns, int *rows);
/* The terminal settings for raw input without signals from keys, made from `saved`. */
struct termios sl_raw_settings(struct termios saved);
/* The name of the device behind a descriptor, opened anew without blocking; -1 with errno. */
int sl_reopen_terminal(int fd);
/* An anonymous file in memory, closed on exec. */
int sl_memory_file(const char *name);

/* ---- wake-ups and signals as descriptors ------------------------------------------------------ */

/* A counter descriptor (eventfd) that does not block; -1 with errno. */
int sl_wake_descriptor(void);
/* Blocks the signals of a terminal program in the calling thread and all it starts later. */
int sl_block_signals(void);
/* A descriptor that yields the blocked signals (signalfd); -1 with errno. */
int sl_signal_descriptor(void);
/* The next signal waiting on such a descriptor, or 0 when none waits. */
int sl_next_signal(int descriptor);

/* ---- crash guard ------------------------------------------------------------------------------- */

/* Handlers for ILL TRAP SEGV BUS FPE ABRT QUIT that put the terminal back in order, then hand the
 * signal to whoever handled it before (Swift's own crash reporter, or the default). With a file it
 * also writes a trace there by itself. The first call counts. */
int sl_guard_install(const char *trace_file);
/* Arms the guard: on a crash write `restore` to `fd`, set `settings`, then write `notice` (which
 * may be NULL). Texts longer than the guard's store are refused (-1). */
int sl_guard_arm(
    int fd, const struct termios *settings, const char *restore, const char *notice);
/* Disarms it: the terminal is already in order. */
void sl_guard_disarm(void);
/* Ends the process by an illegal instruction, as a failed Swift check does. For tests. */
_Noreturn void sl_crash(void);

#endif
