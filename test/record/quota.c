// Preloaded: after WRITES writes at a position, the disk quota of the user is used up.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

typedef ssize_t (*Write)(int, const void*, size_t, off_t);

static ssize_t Try(const char* name, int fd, const void* data, size_t size, off_t at) {
  static long done = 0;
  if (done++ >= atol(getenv("WRITES"))) {
    errno = EDQUOT;
    return -1;
  }
  return ((Write)dlsym(RTLD_NEXT, name))(fd, data, size, at);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) { return Try("pwrite", fd, data, size, at); }
ssize_t pwrite64(int fd, const void* data, size_t size, off_t at) { return Try("pwrite64", fd, data, size, at); }
