/* A SQLite virtual file system for tests, laid over the system's own (sqlite.org/vfs.html).
 *
 * It counts the calls that change files, makes the Nth of them fail, and remembers for each file
 * what is surely on the disk (written before the last xSync) and what is not yet.
 * `cfault_power_loss` writes what a machine that loses power at this moment may leave: what was
 * synced, and of the rest a random part, in sectors of 512 bytes.
 *
 * One thread at a time. The names are registered once for the process.
 */
#ifndef CFAULTVFS_H
#define CFAULTVFS_H

#include <stdint.h>

/* The name to open a database with. */
extern const char *const cfault_name;

/* Which error a failing call gives. */
enum cfault_error { CFAULT_FULL = 0, CFAULT_IO = 1 };

/* Registers the file system; 0, or an SQLite error code. Calling it again does nothing. */
int cfault_register(void);

/* Forgets all files and all faults. Call it with no database open. */
void cfault_reset(void);

/* From now on the `nth` changing call (from 1) fails, and `count` - 1 after it; 0 is never. */
void cfault_fail(int64_t nth, int64_t count, enum cfault_error error);

/* How many changing calls there were since the last cfault_fail or cfault_reset. */
int64_t cfault_calls(void);

/* How many calls failed on purpose since then. */
int64_t cfault_failures(void);

/* Writes what a power loss now may leave of the file at `path` to `target`; 0, or -1 with errno. A
 * file that was never opened leaves nothing. */
int cfault_power_loss(const char *path, const char *target, uint64_t seed);

#endif
