// <windows.h> as we use it, and what every file of this folder needs around it. Nothing of it leaves the folder.
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

namespace tripline {

using Message = FixedText<sizeof(Failure::text)>;

// "<call> <subject>: error <number> (<hint>)"; subject and hint may be empty.
void SetWinError(const char* call, const char* subject, uint32_t error, const char* hint, Failure* why);

// UTF-8 as the system's calls take it.
class Wide {
 public:
  explicit Wide(const char* text);
  // With everything that `size` bytes say, NULs too.
  Wide(const char* text, size_t size);
  ~Wide();
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;

  wchar_t* get() { return text_; }

 private:
  wchar_t* text_;
};

// A function of a system library that may not have it; nullptr then. Only the system's own folder is searched.
void* FindFunction(const wchar_t* library, const char* name);

template <typename Function>
Function FindFunction(const wchar_t* library, const char* name) {
  return reinterpret_cast<Function>(FindFunction(library, name));
}

}  // namespace tripline
