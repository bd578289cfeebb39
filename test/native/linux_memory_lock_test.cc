// Locked memory, as the kernel counts it.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstring>

#include "check.h"
#include "linux/file.h"
#include "linux/parse/scan.h"
#include "port/memory_lock.h"

namespace tripline {
namespace {

constexpr size_t kSize = size_t{16} << 10;

uint64_t LockedKib() {
  Buffer buffer;
  constexpr Key kKey = {"VmLck:"};
  uint64_t kib = 0;
  CHECK(ReadOnce("/proc/self/status", &buffer));
  CHECK_EQ(ReadKeys(buffer.data(), buffer.size, &kKey, 1, 1, &kib), 1u);
  return kib;
}

TEST(MemoryIsLockedAndUnlocked) {
  void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const MemoryRange range = {memory, kSize};
  const uint64_t before = LockedKib();
  Failure why;
  CHECK(LockMemory(range, &why));
  CHECK_EQ(LockedKib(), before + kSize / 1024);
  UnlockMemory(range);
  CHECK_EQ(LockedKib(), before);
  munmap(memory, kSize);
}

TEST(MemoryThatMayNotBeLockedIsRefusedWithTheReason) {
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) _exit(2);
    // Root may lock any amount of memory.
    if (geteuid() == 0 && setuid(65534) != 0) _exit(3);
    Failure why;
    static char memory[kSize];
    const bool locked = LockMemory({memory, kSize}, &why);
    _exit(!locked && strstr(why.text, "RLIMIT_MEMLOCK is too small") != nullptr ? 0 : 1);
  }
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

TEST(OwnImageHoldsCodeAndData) {
  const MemoryRange image = OwnImage();
  static int data = 1;
  const auto holds = [&](const void* address) {
    return address >= image.start && address < static_cast<const char*>(image.start) + image.size;
  };
  CHECK(holds(reinterpret_cast<const void*>(&LockedKib)));
  CHECK(holds(&data));
  CHECK(!holds(&image));
}

}  // namespace
}  // namespace tripline
