// <windows.h> as this folder uses it, with what its files share. Nothing of it leaves the folder.
#pragma once

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#include <windows.h>

#include <cstddef>
#include <cstdint>

#include "port/probe.h"
#include "util/text.h"
#include "windows/convert.h"

namespace tripline {

using Message = FixedText<sizeof(Failure::text)>;

// "<call> <subject>: error <number> (<hint>)"; subject and hint may be empty.
void SetWinError(const char* call, const char* subject, uint32_t error, const char* hint, Failure* why);

inline uint64_t Ticks(const FILETIME& time) { return uint64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime; }

// GetSystemTimes(). False with GetLastError().
bool ReadSystemTimes(windows::CpuTicks* out);

// A handle that HasEnded() and the calls that measure a process take; nullptr with GetLastError().
HANDLE OpenForQuery(DWORD pid);
bool HasEnded(HANDLE process);

// UTF-8 converted to what the system's calls take.
class Wide {
 public:
  explicit Wide(const char* text);
  // All of `size` bytes, NULs included.
  Wide(const char* text, size_t size);
  ~Wide();
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;

  wchar_t* get() { return text_; }

 private:
  wchar_t* text_;
};

// A function of a system library, or nullptr where that has none of the name. Only the system's own folder is searched.
void* FindFunction(const wchar_t* library, const char* name);

template <typename Function>
Function FindFunction(const wchar_t* library, const char* name) {
  return reinterpret_cast<Function>(FindFunction(library, name));
}

}  // namespace tripline
