#include "windows/processors.h"

#include "windows/win.h"

namespace tripline {
namespace {

// The documented structure SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION, with names for its reserved fields.
struct ProcessorTimes {
  LARGE_INTEGER idle, kernel, user, dpc, interrupt;
  ULONG interrupts;
};
using QuerySystem = LONG(WINAPI*)(ULONG, PVOID, ULONG, PULONG);

}  // namespace

bool ReadProcessors(windows::CpuTicks (&times)[kMostProcessors], uint32_t* count) {
  static const QuerySystem query = FindFunction<QuerySystem>(L"ntdll.dll", "NtQuerySystemInformation");
  ProcessorTimes all[kMostProcessors];
  ULONG size = 0;
  if (query == nullptr || query(8, all, sizeof(all), &size) != 0) return false;
  *count = size / static_cast<uint32_t>(sizeof(ProcessorTimes));
  if (*count > kMostProcessors) return false;
  for (uint32_t i = 0; i < *count; i++) {
    times[i] = {static_cast<uint64_t>(all[i].idle.QuadPart), static_cast<uint64_t>(all[i].kernel.QuadPart),
                static_cast<uint64_t>(all[i].user.QuadPart)};
  }
  return true;
}

}  // namespace tripline
