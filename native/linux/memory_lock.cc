// Locked memory on Linux: mlock2(MLOCK_ONFAULT), and mlock() before 4.4.
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

#include "port/memory_lock.h"

// Defined by the linker: the start of the library in memory, and the end of its data.
extern "C" {
[[gnu::visibility("hidden")]] extern const char __ehdr_start[];
[[gnu::visibility("hidden")]] extern const char _end[];
}

namespace tripline {
namespace {

constexpr size_t kStackInUse = size_t{32} << 10;
constexpr unsigned kOnFault = 1;  // MLOCK_ONFAULT, which older C libraries do not define

}  // namespace

MemoryRange OwnImage() { return {__ehdr_start, static_cast<size_t>(_end - __ehdr_start)}; }

MemoryRange OwnStack(const void* frame) { return {static_cast<const char*>(frame) - kStackInUse, kStackInUse}; }

bool LockMemory(MemoryRange range, Failure* why) {
  // By number, because not all C libraries that we link against have mlock2().
  long result = syscall(SYS_mlock2, range.start, range.size, kOnFault);
  if (result != 0 && errno == ENOSYS) result = syscall(SYS_mlock, range.start, range.size);
  if (result == 0) return true;
  const bool limited = errno == ENOMEM || errno == EPERM || errno == EAGAIN;
  why->SetErrno("mlock", "", errno, limited ? "RLIMIT_MEMLOCK is too small" : "");
  return false;
}

void UnlockMemory(MemoryRange range) { syscall(SYS_munlock, range.start, range.size); }

}  // namespace tripline
