// What every parser is made of: a cursor over bytes that never reads past their end. No allocation, locale or errno.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tripline {

// Bytes that belong to somebody else.
struct Span {
  const char* data = nullptr;
  size_t size = 0;

  bool Is(const char* text) const { return size == strlen(text) && memcmp(data, text, size) == 0; }
  bool StartsWith(const char* text) const {
    const size_t length = strlen(text);
    return size >= length && memcmp(data, text, length) == 0;
  }
};

class Scanner {
 public:
  Scanner(const char* data, size_t size) : at_(data), end_(data + size) {}

  bool done() const { return at_ == end_; }
  const char* at() const { return at_; }
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  void Advance() {
    if (at_ != end_) at_++;
  }

  void SkipBlanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) at_++;
  }

  // To the byte after the next newline, or to the end.
  void SkipLine() {
    if (at_ == end_) return;
    const void* newline = memchr(at_, '\n', static_cast<size_t>(end_ - at_));
    at_ = newline == nullptr ? end_ : static_cast<const char*>(newline) + 1;
  }

  // Consumes `text` if it comes next.
  bool Match(const char* text, size_t length) {
    if (static_cast<size_t>(end_ - at_) < length || memcmp(at_, text, length) != 0) return false;
    at_ += length;
    return true;
  }
  template <size_t kSize>
  bool Match(const char (&text)[kSize]) {
    return Match(text, kSize - 1);
  }

  // An unsigned decimal after optional blanks; what does not fit saturates. False, and nothing consumed but the
  // blanks, when no digit comes next.
  bool Number(uint64_t* out) {
    SkipBlanks();
    if (at_ == end_ || !IsDigit(*at_)) return false;
    // Nineteen digits always fit, and longer numbers are rare.
    const char* const sure = end_ - at_ > 19 ? at_ + 19 : end_;
    uint64_t value = 0;
    for (; at_ != sure && IsDigit(*at_); at_++) value = value * 10 + static_cast<uint64_t>(*at_ - '0');
    bool over = false;
    for (; at_ != end_ && IsDigit(*at_); at_++) {
      const uint64_t digit = static_cast<uint64_t>(*at_ - '0');
      if (value > (UINT64_MAX - digit) / 10) over = true;
      value = value * 10 + digit;
    }
    *out = over ? UINT64_MAX : value;
    return true;
  }

  // Passes over `count` words of digits. False when there are fewer.
  bool SkipNumbers(uint32_t count) {
    for (; count > 0; count--) {
      SkipBlanks();
      const char* const start = at_;
      while (at_ != end_ && IsDigit(*at_)) at_++;
      if (at_ == start) return false;
    }
    return true;
  }

  // To the next `c`, which is not consumed. False, and at the end, when there is none.
  bool Find(char c) {
    const void* found = at_ == end_ ? nullptr : memchr(at_, c, static_cast<size_t>(end_ - at_));
    at_ = found == nullptr ? end_ : static_cast<const char*>(found);
    return found != nullptr;
  }

  // The same with an optional minus sign; saturates at the ends of int64.
  bool Signed(int64_t* out) {
    SkipBlanks();
    const bool negative = peek() == '-';
    const char* start = at_;
    if (negative) at_++;
    uint64_t value = 0;
    if (at_ == end_ || !IsDigit(*at_) || !Number(&value)) {
      at_ = start;
      return false;
    }
    if (value > static_cast<uint64_t>(INT64_MAX)) value = static_cast<uint64_t>(INT64_MAX);
    *out = negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
    return true;
  }

  // Up to the next blank or newline, after optional blanks; empty at the end of the line.
  Span Word() {
    SkipBlanks();
    Span word{at_, 0};
    while (at_ != end_ && *at_ != ' ' && *at_ != '\t' && *at_ != '\n') at_++;
    word.size = static_cast<size_t>(at_ - word.data);
    return word;
  }

  // Up to the end of the line, which is consumed.
  Span Line() {
    Span line{at_, 0};
    SkipLine();
    line.size = static_cast<size_t>(at_ - line.data);
    if (line.size > 0 && line.data[line.size - 1] == '\n') line.size--;
    return line;
  }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  const char* at_;
  const char* end_;
};

}  // namespace tripline
