// Locked memory on macOS: mlock() of the segments of this library.
#include <dlfcn.h>
#include <mach-o/loader.h>
#include <sys/mman.h>
#include <cerrno>
#include <cstdint>

#include "port/memory_lock.h"

namespace tripline {
namespace {

constexpr size_t kStackInUse = size_t{32} << 10;

}  // namespace

MemoryRange OwnImage() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&OwnImage), &self) == 0) return {};
  const auto* header = static_cast<const mach_header_64*>(self.dli_fbase);
  const auto* command = reinterpret_cast<const load_command*>(header + 1);
  // Segments follow one another, code first. The last one, which only the loader uses, is left out.
  uint64_t size = 0;
  for (uint32_t i = 0; i < header->ncmds; i++) {
    const auto* segment = reinterpret_cast<const segment_command_64*>(command);
    if (command->cmd == LC_SEGMENT_64 && segment->initprot != VM_PROT_READ) size += segment->vmsize;
    command = reinterpret_cast<const load_command*>(reinterpret_cast<const char*>(command) + command->cmdsize);
  }
  return {header, static_cast<size_t>(size)};
}

MemoryRange OwnStack(const void* frame) { return {static_cast<const char*>(frame) - kStackInUse, kStackInUse}; }

bool LockMemory(MemoryRange range, Failure* why) {
  if (mlock(range.start, range.size) == 0) return true;
  why->SetErrno("mlock", "", errno, "RLIMIT_MEMLOCK, or the system's own limit, is too small");
  return false;
}

void UnlockMemory(MemoryRange range) { munlock(range.start, range.size); }

}  // namespace tripline
