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

namespace tripline {

// Text of a fixed size, cut where it is full: the C library's printf is larger than everything else here.
template <size_t kSize>
class FixedText {
 public:
  FixedText& Add(const char* text) {
    while (*text != '\0' && size_ + 1 < kSize) text_[size_++] = *text++;
    text_[size_] = '\0';
    return *this;
  }
  FixedText& AddNumber(uint64_t value) {
    char digits[24];
    int count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (count > 0 && size_ + 1 < kSize) text_[size_++] = digits[--count];
    text_[size_] = '\0';
    return *this;
  }
  FixedText& AddHex(uint32_t value) {
    Add("0x");
    for (int shift = 28; shift >= 0 && size_ + 1 < kSize; shift -= 4)
      text_[size_++] = "0123456789ABCDEF"[value >> shift & 15];
    text_[size_] = '\0';
    return *this;
  }
  void Clear() {
    size_ = 0;
    text_[0] = '\0';
  }
  const char* get() const { return text_; }

 private:
  size_t size_ = 0;
  char text_[kSize] = {};
};

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
