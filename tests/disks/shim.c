/* Loaded with LD_PRELOAD: writes down what the process does to the files below one folder, in order, so that a test can
 * say what a disk may hold after a power cut. A file's writes are durable once a sync of it that began after them has
 * ended; a name is durable once its folder was synced. Nothing else changes, save for syncs where a test asks for it.
 *
 *   METRONOME_DISK_LOG, METRONOME_DISK_ROOT   where to write (or nowhere), and the folder (its real path). A process
 *                                             may also begin with record_disk(log, root), once forked.
 *   METRONOME_SYNC_TROUBLE                    a file: while it is there, syncs below the folder wait ("hold") or fail
 *                                             ("fail": EIO) by its first letter.
 *
 * Every record is one write(2) to a file opened with O_APPEND: whole, and in the order in which things began, whoever
 * writes. It is written before the deed, so what a kill cuts short is a write that was never synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAGIC = 0x4b534944, MOST_FDS = 65536, LOG_FD = 700 };

struct record {
    uint32_t magic;
    uint32_t kind; /* a letter */
    uint64_t inode, offset, token;
    uint32_t first, second; /* bytes that follow */
};

static int log_fd = -1;
static char root[PATH_MAX], trouble[PATH_MAX];
static size_t root_length;
static unsigned char watched[MOST_FDS];
static uint64_t tokens;

#define REAL(type, name, ...)                                        \
    static type (*real)(__VA_ARGS__);                                \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

void record_disk(const char *log, const char *folder) {
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    if (!log) return;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) abort();
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD); /* out of the way of those who count descriptors */
    close(fd);
    if (log_fd < 0) abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("METRONOME_DISK_LOG"), *folder = getenv("METRONOME_DISK_ROOT");
    const char *file = getenv("METRONOME_SYNC_TROUBLE");
    if (file) snprintf(trouble, sizeof trouble, "%s", file);
    if (folder) record_disk(log, folder);
}

static void note(char kind, uint64_t inode, uint64_t offset, uint64_t token, const void *first, size_t n_first,
                 const void *second, size_t n_second) {
    if (log_fd < 0) return;
    int kept = errno;
    struct record head = {MAGIC, (uint32_t)kind, inode, offset, token, (uint32_t)n_first, (uint32_t)n_second};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)first, n_first}, {(void *)second, n_second}};
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real) real = (ssize_t (*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    if (real(log_fd, parts, 3) < (ssize_t)sizeof head) abort();
    errno = kept;
}

/* Its path below the folder; NULL: it is elsewhere. */
static const char *below(int folder_fd, const char *path, char *whole) {
    if (!root_length || !path) return NULL;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX], link[64];
        if (folder_fd == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return NULL;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder_fd);
            ssize_t n = readlink(link, base, sizeof base - 1);
            if (n < 0) return NULL;
            base[n] = 0;
        }
        if (snprintf(whole, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return NULL;
    }
    if (strncmp(whole, root, root_length)) return NULL;
    if (whole[root_length] == 0) return whole + root_length;
    return whole[root_length] == '/' ? whole + root_length + 1 : NULL;
}

static int is_watched(int fd) { return fd >= 0 && fd < MOST_FDS && watched[fd]; }

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat found;
    return lstat(path, &found) ? 0 : found.st_ino;
}

/* ── names ── */

static int open_and_note(int folder_fd, const char *path, int flags, mode_t mode) {
    REAL(int, "openat", int, const char *, int, ...);
    char whole[PATH_MAX];
    const char *name = below(folder_fd, path, whole);
    if (!name) return real(folder_fd, path, flags, mode);
    uint64_t before = inode_at(whole);
    int fd = real(folder_fd, path, flags, mode);
    if (fd < 0 || fd >= MOST_FDS) return fd;
    watched[fd] = 1;
    if (!before && (flags & O_CREAT)) note('c', inode_of(fd), 0, 0, name, strlen(name), NULL, 0);
    if (before && (flags & O_TRUNC)) note('t', inode_of(fd), 0, 0, NULL, 0, NULL, 0);
    return fd;
}

#define MODE_OF(flags)                                  \
    mode_t mode = 0;                                    \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
        va_list more;                                   \
        va_start(more, flags);                          \
        mode = va_arg(more, mode_t);                    \
        va_end(more);                                   \
    }

int open(const char *path, int flags, ...) { MODE_OF(flags) return open_and_note(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_and_note(AT_FDCWD, path, flags, mode); }
int openat(int fd, const char *path, int flags, ...) { MODE_OF(flags) return open_and_note(fd, path, flags, mode); }
int openat64(int fd, const char *path, int flags, ...) { MODE_OF(flags) return open_and_note(fd, path, flags, mode); }

int close(int fd) {
    REAL(int, "close", int);
    if (is_watched(fd)) watched[fd] = 0;
    return real(fd);
}

int mkdirat(int folder_fd, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    char whole[PATH_MAX];
    const char *name = below(folder_fd, path, whole);
    int done = real(folder_fd, path, mode);
    if (name && !done) note('m', inode_at(whole), 0, 0, name, strlen(name), NULL, 0);
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int unlinkat(int folder_fd, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char whole[PATH_MAX];
    const char *name = below(folder_fd, path, whole);
    if (name && inode_at(whole)) note('u', inode_at(whole), 0, 0, name, strlen(name), NULL, 0);
    return real(folder_fd, path, flags);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int renameat2(int old_fd, const char *old, int new_fd, const char *new, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    char from[PATH_MAX], to[PATH_MAX];
    const char *was = below(old_fd, old, from), *is = below(new_fd, new, to);
    if (was && is && inode_at(from)) note('r', inode_at(from), 0, 0, was, strlen(was), is, strlen(is));
    else if (was || is) abort(); /* into or out of the folder: not understood */
    return real(old_fd, old, new_fd, new, flags);
}
int renameat(int old_fd, const char *old, int new_fd, const char *new) { return renameat2(old_fd, old, new_fd, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

/* ── what is in files ── */

static void note_write(int fd, const void *data, size_t n, off_t at) {
    if (is_watched(fd) && n) note('w', inode_of(fd), (uint64_t)at, 0, data, n, NULL, 0);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    note_write(fd, data, n, at);
    return real(fd, data, n, at);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return pwrite64(fd, data, n, at); }

ssize_t write(int fd, const void *data, size_t n) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (is_watched(fd)) {
        struct stat found;
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        note_write(fd, data, n, appends && !fstat(fd, &found) ? found.st_size : lseek(fd, 0, SEEK_CUR));
    }
    return real(fd, data, n);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (is_watched(fd)) abort(); /* nobody here uses it */
    return real(fd, parts, n);
}

int ftruncate64(int fd, off64_t length) {
    REAL(int, "ftruncate64", int, off64_t);
    if (is_watched(fd)) note('t', inode_of(fd), (uint64_t)length, 0, NULL, 0, NULL, 0);
    return real(fd, length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int posix_fallocate64(int fd, off64_t at, off64_t n) {
    REAL(int, "posix_fallocate64", int, off64_t, off64_t);
    if (is_watched(fd)) abort();
    return real(fd, at, n);
}
int posix_fallocate(int fd, off_t at, off_t n) { return posix_fallocate64(fd, at, n); }

void *mmap64(void *where, size_t n, int may, int flags, int fd, off64_t at) {
    REAL(void *, "mmap64", void *, size_t, int, int, int, off64_t);
    if (fd >= 0 && is_watched(fd) && (may & PROT_WRITE) && (flags & MAP_SHARED))
        note('p', inode_of(fd), 0, 0, NULL, 0, NULL, 0); /* written by storing: nobody can see what and when */
    return real(where, n, may, flags, fd, at);
}
void *mmap(void *where, size_t n, int may, int flags, int fd, off_t at) { return mmap64(where, n, may, flags, fd, at); }

/* ── syncs ── */

static int sync_with_trouble(int fd, int (*real)(int)) {
    if (!is_watched(fd)) return real(fd);
    for (char how = 0; trouble[0]; how = 0) {
        int asked = open(trouble, O_RDONLY | O_CLOEXEC);
        if (asked < 0) break;
        if (read(asked, &how, 1) < 1) how = 'h';
        close(asked);
        if (how == 'f') {
            errno = EIO;
            return -1;
        }
        usleep(2000);
    }
    uint64_t token = ((uint64_t)getpid() << 32) | __atomic_add_fetch(&tokens, 1, __ATOMIC_RELAXED);
    note('b', inode_of(fd), 0, token, NULL, 0, NULL, 0);
    int done = real(fd);
    if (!done) note('e', inode_of(fd), 0, token, NULL, 0, NULL, 0);
    return done;
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    return sync_with_trouble(fd, real);
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return sync_with_trouble(fd, real);
}
