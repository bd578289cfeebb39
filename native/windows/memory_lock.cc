// Locked memory on Windows: VirtualLock() of the module.
#include "port/memory_lock.h"
#include "windows/win.h"

// Defined by the linker: the address at which the module begins in memory.
extern "C" IMAGE_DOS_HEADER __ImageBase;

namespace tripline {

MemoryRange OwnImage() {
  const char* base = reinterpret_cast<const char*>(&__ImageBase);
  const auto* headers = reinterpret_cast<const IMAGE_NT_HEADERS*>(base + __ImageBase.e_lfanew);
  return {base, headers->OptionalHeader.SizeOfImage};
}

// The pages of the stack below `frame` are not committed until they are used, so only the page of `frame` is locked.
MemoryRange OwnStack(const void* frame) { return {frame, 1}; }

bool LockMemory(MemoryRange range, Failure* why) {
  if (VirtualLock(const_cast<void*>(range.start), range.size)) return true;
  const DWORD error = GetLastError();
  const bool limited = error == ERROR_WORKING_SET_QUOTA;
  SetWinError("VirtualLock", "", error, limited ? "the smallest working set of this process is too small" : "", why);
  return false;
}

void UnlockMemory(MemoryRange range) { VirtualUnlock(const_cast<void*>(range.start), range.size); }

}  // namespace tripline
