// What a forked process must not keep, on Linux.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "port/inheritance.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "linux/calls.h"
#include "linux/file.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRIPLINE_SHADOWED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TRIPLINE_SHADOWED
#endif
#endif

namespace tripline {

namespace {

// Smaller ones hold what the dynamic linker and libc need, and would not be worth the call.
constexpr uintptr_t kWorthwhile = 1 << 20;

void CloseRange(unsigned first, unsigned last) {
  if (first > last || syscall(kCloseRange, first, last, 0) == 0) return;
  // Before Linux 5.9.
  DirectoryReader open("/proc/self/fd");
  for (int64_t fd = 0; open.NextNumber(&fd);) {
    if (fd >= first && fd <= last) close(static_cast<int>(fd));
  }
}

// "7f0c8c000000-7f0c8c021000 rw-p 00000000 00:00 0 [heap]": whether it is anonymous and private.
bool ParseDroppable(const char* line, uintptr_t* from, uintptr_t* to) {
  uintptr_t* const bounds[] = {from, to};
  for (uintptr_t* bound : bounds) {
    *bound = 0;
    for (; *line != '-' && *line != ' ' && *line != '\0'; line++) {
      const char digit = *line;
      *bound = *bound * 16 + static_cast<uintptr_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    if (*line == '\0') return false;
    line++;
  }
  // Permissions, offset, device; then the inode, which is 0, and no name.
  if (line[1] != 'w' || line[3] != 'p') return false;
  for (int blanks = 0; blanks < 3; line++) {
    if (*line == '\0') return false;
    if (*line == ' ') blanks++;
  }
  if (*line++ != '0') return false;
  while (*line == ' ') line++;
  return *line == '\0';
}

}  // namespace

void CloseAllBut(int* kept, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    for (uint32_t at = i; at > 0 && kept[at - 1] > kept[at]; at--) {
      const int swapped = kept[at];
      kept[at] = kept[at - 1];
      kept[at - 1] = swapped;
    }
  }
  unsigned next = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (static_cast<unsigned>(kept[i]) > next) CloseRange(next, static_cast<unsigned>(kept[i]) - 1);
    next = static_cast<unsigned>(kept[i]) + 1;
  }
  CloseRange(next, ~0U);
}

void DropMemory() {
#ifdef TRIPLINE_SHADOWED
  // A sanitizer's shadow takes terabytes of addresses, and must stay.
  return;
#endif
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const auto stack = reinterpret_cast<uintptr_t>(&fd);
  // Its address lies in this thread's thread-local storage.
  const auto own = reinterpret_cast<uintptr_t>(&errno);
  char text[4096];
  size_t kept = 0;
  for (;;) {
    const ssize_t got = read(fd, text + kept, sizeof(text) - kept);
    if (got <= 0) break;
    const size_t size = kept + static_cast<size_t>(got);
    size_t begin = 0;
    for (size_t at = 0; at < size; at++) {
      if (text[at] != '\n') continue;
      text[at] = '\0';
      uintptr_t from = 0, to = 0;
      const bool droppable = ParseDroppable(text + begin, &from, &to) && to - from >= kWorthwhile;
      const bool used = (from <= stack && stack < to) || (from <= own && own < to);
      if (droppable && !used) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
      begin = at + 1;
    }
    kept = size - begin;
    if (kept == sizeof(text)) break;
    memmove(text, text + begin, kept);
  }
  close(fd);
}

}  // namespace tripline
