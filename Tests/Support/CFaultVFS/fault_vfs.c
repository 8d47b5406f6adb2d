#include "CFaultVFS.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const cfault_name = "sluice-fault";

enum { SECTOR = 512, FILES_MAX = 64 };

/* A change that was made and not synced: bytes at an offset, or with no bytes a new length. */
struct pending {
  struct pending *next;
  sqlite3_int64 offset;
  int size;
  unsigned char *bytes;
};

/* What is known of one file's state on the disk. */
struct image {
  char *path;
  unsigned char *durable;
  sqlite3_int64 durable_size;
  struct pending *first, *last;
};

struct fault_file {
  sqlite3_file base;
  struct image *image;
  sqlite3_file *real;
};

static sqlite3_vfs *system_vfs;
static struct image images[FILES_MAX];
static int image_count;
static int64_t calls, failures, fail_from, fail_count;
static int fail_code = SQLITE_IOERR_WRITE;

/* --- faults --- */

static int fails(int otherwise) {
  calls++;
  if (fail_from == 0 || calls < fail_from || calls - fail_from >= fail_count) return SQLITE_OK;
  failures++;
  return fail_code == SQLITE_FULL ? SQLITE_FULL : otherwise;
}

void cfault_fail(int64_t nth, int64_t count, enum cfault_error error) {
  calls = failures = 0;
  fail_from = nth;
  fail_count = count;
  fail_code = error == CFAULT_FULL ? SQLITE_FULL : SQLITE_IOERR;
}

int64_t cfault_calls(void) { return calls; }
int64_t cfault_failures(void) { return failures; }

/* --- images --- */

static void forget_pending(struct image *image) {
  while (image->first) {
    struct pending *next = image->first->next;
    free(image->first->bytes);
    free(image->first);
    image->first = next;
  }
  image->last = NULL;
}

void cfault_reset(void) {
  for (int i = 0; i < image_count; i++) {
    forget_pending(&images[i]);
    free(images[i].path);
    free(images[i].durable);
  }
  memset(images, 0, sizeof images);
  image_count = 0;
  cfault_fail(0, 0, CFAULT_IO);
}

static struct image *find_image(const char *path) {
  for (int i = 0; i < image_count; i++)
    if (strcmp(images[i].path, path) == 0) return &images[i];
  return NULL;
}

/* The image of a file; what the file holds at its first opening is taken as durable. */
static struct image *image_for(const char *path) {
  struct image *image = find_image(path);
  if (image) return image;
  if (image_count == FILES_MAX) return NULL;
  image = &images[image_count++];
  image->path = strdup(path);
  FILE *file = fopen(path, "rb");
  if (file) {
    fseek(file, 0, SEEK_END);
    image->durable_size = ftell(file);
    rewind(file);
    image->durable = malloc((size_t)image->durable_size + 1);
    const size_t size = (size_t)image->durable_size;
    image->durable_size = (sqlite3_int64)fread(image->durable, 1, size, file);
    fclose(file);
  }
  return image;
}

static void remember(struct image *image, sqlite3_int64 offset, const void *bytes, int size) {
  struct pending *change = calloc(1, sizeof *change);
  change->offset = offset;
  change->size = size;
  if (bytes) {
    change->bytes = malloc((size_t)size);
    memcpy(change->bytes, bytes, (size_t)size);
  }
  if (image->last) image->last->next = change;
  else image->first = change;
  image->last = change;
}

struct buffer {
  unsigned char *bytes;
  sqlite3_int64 size;
};

static void resize(struct buffer *buffer, sqlite3_int64 size) {
  buffer->bytes = realloc(buffer->bytes, (size_t)size + 1);
  if (size > buffer->size) memset(buffer->bytes + buffer->size, 0, (size_t)(size - buffer->size));
  buffer->size = size;
}

static void put(struct buffer *buffer, sqlite3_int64 offset, const unsigned char *bytes,
                sqlite3_int64 size) {
  if (offset + size > buffer->size) resize(buffer, offset + size);
  memcpy(buffer->bytes + offset, bytes, (size_t)size);
}

static void make_durable(struct image *image) {
  struct buffer buffer = {image->durable, image->durable_size};
  for (struct pending *change = image->first; change; change = change->next) {
    if (change->bytes) put(&buffer, change->offset, change->bytes, change->size);
    else resize(&buffer, change->offset);
  }
  image->durable = buffer.bytes;
  image->durable_size = buffer.size;
  forget_pending(image);
}

static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int cfault_power_loss(const char *path, const char *target, uint64_t seed) {
  struct image *image = find_image(path);
  if (!image) return 0;
  struct buffer buffer = {malloc((size_t)image->durable_size + 1), image->durable_size};
  if (image->durable_size > 0) memcpy(buffer.bytes, image->durable, (size_t)image->durable_size);
  /* One mode a loss: nothing of the rest, all of it, or each sector by a coin. */
  const uint64_t mode = next_random(&seed) % 4;
  for (struct pending *change = image->first; change; change = change->next) {
    if (!change->bytes) {
      if (mode == 1 || (mode > 1 && next_random(&seed) % 2)) resize(&buffer, change->offset);
      continue;
    }
    for (sqlite3_int64 at = 0; at < change->size;) {
      sqlite3_int64 step = SECTOR - (change->offset + at) % SECTOR;
      if (step > change->size - at) step = change->size - at;
      if (mode == 1 || (mode > 1 && next_random(&seed) % 2))
        put(&buffer, change->offset + at, change->bytes + at, step);
      at += step;
    }
  }
  FILE *file = fopen(target, "wb");
  int failed = !file;
  if (file) {
    failed |= buffer.size > 0 && fwrite(buffer.bytes, (size_t)buffer.size, 1, file) != 1;
    failed |= fclose(file) != 0;
  }
  free(buffer.bytes);
  return failed ? -1 : 0;
}

/* --- one file --- */

static struct fault_file *of(sqlite3_file *file) { return (struct fault_file *)file; }
static sqlite3_file *real(sqlite3_file *file) { return of(file)->real; }

static int file_close(sqlite3_file *file) { return real(file)->pMethods->xClose(real(file)); }

static int file_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), bytes, size, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
  int result = fails(SQLITE_IOERR_WRITE);
  if (result != SQLITE_OK) return result;
  result = real(file)->pMethods->xWrite(real(file), bytes, size, offset);
  if (result == SQLITE_OK && of(file)->image) remember(of(file)->image, offset, bytes, size);
  return result;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  int result = fails(SQLITE_IOERR_TRUNCATE);
  if (result != SQLITE_OK) return SQLITE_IOERR_TRUNCATE;
  result = real(file)->pMethods->xTruncate(real(file), size);
  if (result == SQLITE_OK && of(file)->image) remember(of(file)->image, size, NULL, 0);
  return result;
}

static int file_sync(sqlite3_file *file, int flags) {
  (void)flags; /* Whether it is really on this machine's disk is not what is tested: saves time. */
  if (fails(SQLITE_IOERR_FSYNC) != SQLITE_OK) return SQLITE_IOERR_FSYNC;
  if (of(file)->image) make_durable(of(file)->image);
  return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
static int file_lock(sqlite3_file *file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
static int file_unlock(sqlite3_file *file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
static int file_check_lock(sqlite3_file *file, int *held) {
  return real(file)->pMethods->xCheckReservedLock(real(file), held);
}
static int file_control(sqlite3_file *file, int operation, void *argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
static int file_sector_size(sqlite3_file *file) { (void)file; return SECTOR; }
/* No promise of atomic or powersafe writes: the strictest disk. */
static int file_characteristics(sqlite3_file *file) { (void)file; return 0; }
static int file_shm_map(sqlite3_file *file, int page, int size, int extend,
                        void volatile **memory) {
  if (extend && fails(SQLITE_IOERR_SHMMAP) != SQLITE_OK) return SQLITE_IOERR_SHMMAP;
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
static void file_shm_barrier(sqlite3_file *file) { real(file)->pMethods->xShmBarrier(real(file)); }
static int file_shm_unmap(sqlite3_file *file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
    2,                file_close,       file_read,       file_write,
    file_truncate,    file_sync,        file_size,       file_lock,
    file_unlock,      file_check_lock,  file_control,    file_sector_size,
    file_characteristics, file_shm_map, file_shm_lock,   file_shm_barrier,
    file_shm_unmap,   NULL,             NULL,
};

/* --- the file system --- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  (void)vfs;
  struct fault_file *mine = of(file);
  mine->base.pMethods = NULL;
  mine->real = (sqlite3_file *)(mine + 1);
  mine->image = NULL;
  if ((flags & SQLITE_OPEN_CREATE) && fails(SQLITE_CANTOPEN) != SQLITE_OK) return SQLITE_CANTOPEN;
  const int result = system_vfs->xOpen(system_vfs, name, mine->real, flags, out);
  if (mine->real->pMethods) mine->base.pMethods = &methods;
  const int is_kept = name && !(flags & SQLITE_OPEN_DELETEONCLOSE);
  if (result == SQLITE_OK && is_kept) mine->image = image_for(name);
  return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync) {
  (void)vfs;
  if (fails(SQLITE_IOERR_DELETE) != SQLITE_OK) return SQLITE_IOERR_DELETE;
  const int result = system_vfs->xDelete(system_vfs, name, sync);
  struct image *image = find_image(name);
  if (result == SQLITE_OK && image) {
    forget_pending(image);
    free(image->durable);
    image->durable = NULL;
    image->durable_size = 0;
  }
  return result;
}

int cfault_register(void) {
  static sqlite3_vfs vfs;
  if (vfs.zName) return SQLITE_OK;
  const int result = sqlite3_initialize();
  if (result != SQLITE_OK) return result;
  system_vfs = sqlite3_vfs_find(NULL);
  if (!system_vfs) return SQLITE_ERROR;
  vfs = *system_vfs;
  vfs.zName = cfault_name;
  vfs.pNext = NULL;
  vfs.szOsFile = (int)sizeof(struct fault_file) + system_vfs->szOsFile;
  vfs.xOpen = vfs_open;
  vfs.xDelete = vfs_delete;
  return sqlite3_vfs_register(&vfs, 0);
}
