// Clocks, locks and threads on Windows.
#include "port/platform.h"
#include "windows/win.h"

namespace tripline {
namespace {

// Reserved, not committed. Performance counters run third-party libraries on a thread of this library.
constexpr SIZE_T kStackSize = 1024 * 1024;

using PreciseTime = void(WINAPI*)(PULONGLONG);

// A clock in units of 100 ns that stops while the machine sleeps. Windows 10 and later have it; looked up once.
PreciseTime FindPreciseTime() {
  static const PreciseTime found = FindFunction<PreciseTime>(L"kernelbase.dll", "QueryUnbiasedInterruptTimePrecise");
  return found;
}

struct State {
  SRWLOCK lock = SRWLOCK_INIT;
};

struct ThreadStart {
  void (*body)(void*);
  void* argument;
};

DWORD WINAPI ThreadMain(void* raw) {
  const ThreadStart start = *static_cast<ThreadStart*>(raw);
  delete static_cast<ThreadStart*>(raw);
  start.body(start.argument);
  return 0;
}

}  // namespace

uint64_t MonotonicNow() {
  if (const PreciseTime precise = FindPreciseTime()) {
    ULONGLONG now = 0;
    precise(&now);
    return now * 100;
  }
  static const uint64_t frequency = [] {
    LARGE_INTEGER found;
    QueryPerformanceFrequency(&found);
    return static_cast<uint64_t>(found.QuadPart);
  }();
  LARGE_INTEGER counter;
  QueryPerformanceCounter(&counter);
  const uint64_t ticks = static_cast<uint64_t>(counter.QuadPart);
  return ticks / frequency * kSecond + ticks % frequency * kSecond / frequency;
}

uint64_t SuspendedTotal(uint64_t) {
  // Both clocks advance in steps of 15.6 ms, which is less than what counts as a suspend.
  ULONGLONG awake = 0;
  if (!QueryUnbiasedInterruptTime(&awake)) return 0;
  const uint64_t total = GetTickCount64() * kMillisecond;
  return total > awake * 100 ? total - awake * 100 : 0;
}

uint64_t ThreadCpuNow() {
  FILETIME created, exited, kernel, user;
  if (!GetThreadTimes(GetCurrentThread(), &created, &exited, &kernel, &user)) return 0;
  return (Ticks(kernel) + Ticks(user)) * 100;
}

Mutex::Mutex() { os_.Make<State>(); }
void Mutex::Lock() { AcquireSRWLockExclusive(&os_.As<State>().lock); }
void Mutex::Unlock() { ReleaseSRWLockExclusive(&os_.As<State>().lock); }

bool StartThread(void (*body)(void*), void* argument, const char* name, bool) {
  auto* start = new ThreadStart{body, argument};
  const HANDLE thread =
      CreateThread(nullptr, kStackSize, ThreadMain, start, STACK_SIZE_PARAM_IS_A_RESERVATION, nullptr);
  if (thread == nullptr) {
    delete start;
    return false;
  }
  using SetDescription = HRESULT(WINAPI*)(HANDLE, PCWSTR);
  if (const auto describe = FindFunction<SetDescription>(L"kernelbase.dll", "SetThreadDescription")) {
    wchar_t wide[32] = {};
    for (size_t i = 0; i + 1 < 32 && name[i] != '\0'; i++) wide[i] = static_cast<wchar_t>(name[i]);
    describe(thread, wide);
  }
  CloseHandle(thread);
  return true;
}

// Raises the thread above the host's busy threads, which the scheduler would otherwise let finish a quantum of 30 ms or
// more first.
void PreferPunctuality() { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_ABOVE_NORMAL); }

void PinLibrary() {
  HMODULE self = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(&PinLibrary), &self);
}

}  // namespace tripline
