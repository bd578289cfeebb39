// Functions that may be called between fork and exec, and in the supervisor, which is forked from a multithreaded
// process: they make system calls and never allocate, lock or buffer.
#pragma once

#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "util/text.h"
#include "util/time.h"

namespace tripline {
namespace bare {

// Holds a path or a line of text.
using Line = FixedText<512>;

inline uint64_t Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

// Duplicates a descriptor to a number above those of a command's stdio entries; exec closes it.
constexpr int kFirstFree = 20;
int Duplicate(int fd);
bool OpenPipe(int* ends);

// Reads as much of a file as fits. Negative where it cannot be read.
inline ssize_t ReadFile(const char* path, char* into, size_t size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got = read(fd, into + filled, size - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  close(fd);
  return static_cast<ssize_t>(filled);
}

inline bool WriteFile(const char* path, const char* text, size_t size) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = write(fd, text, size) == static_cast<ssize_t>(size);
  close(fd);
  return done;
}

}  // namespace bare
}  // namespace tripline
