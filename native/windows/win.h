// Includes <windows.h> the way this folder needs it, and declares what its files share. Not used outside the folder.
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

// Opens a handle for HasEnded() and for measuring a process; nullptr with GetLastError().
HANDLE OpenForQuery(DWORD pid);
bool HasEnded(HANDLE process);

// UTF-8 converted to UTF-16 for system calls.
class Wide {
 public:
  explicit Wide(const char* text);
  // Converts `size` bytes, including any NULs.
  Wide(const char* text, size_t size);
  ~Wide();
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;

  wchar_t* get() { return text_; }

 private:
  wchar_t* text_;
};

// Finds a function of a system library; nullptr if the library has no such function. Searches only the system folder.
void* FindFunction(const wchar_t* library, const char* name);

template <typename Function>
Function FindFunction(const wchar_t* library, const char* name) {
  return reinterpret_cast<Function>(FindFunction(library, name));
}

}  // namespace tripline
