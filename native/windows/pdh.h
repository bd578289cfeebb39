// Performance counters by their English names. The process has one query, which a separate thread opens and collects
// once per second, because loading a provider for the first time can take seconds.
#pragma once

#include <cstdint>

#include "port/probe.h"
#include "windows/convert.h"

namespace tripline {

struct CounterReading {
  enum State : uint8_t { kPending, kKnown, kFailed };
  State state = kPending;
  uint64_t at = 0;                 // MonotonicNow() of the collection
  uint64_t first = 0, second = 0;  // PDH_RAW_COUNTER
  windows::CpuTicks direct;        // GetSystemTimes() of the same moment
  Failure why;
};

// One counter, which is collected as long as this object exists.
class Counter {
 public:
  Counter() = default;
  ~Counter() { Close(); }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  // `path` as in "\System\Processor Queue Length", at most 95 characters. If the thread cannot be started, readings say
  // so.
  void Open(const wchar_t* path);
  void Close();

  CounterReading Read() const;

 private:
  int slot_ = -1;
};

}  // namespace tripline
