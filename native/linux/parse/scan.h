// The basis of all parsers: a cursor over bytes that never reads past their end. No allocation, locale or errno.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tripline {

// Bytes that are owned elsewhere.
struct Span {
  const char* data = nullptr;
  size_t size = 0;

  bool Is(const char* text) const;
  bool StartsWith(const char* text) const;
  // Whether it equals one of several words. Each word ends with a zero byte, the last with two.
  bool IsAnyOf(const char* words) const;
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

  void SkipBlanks();

  // Moves to the byte after the next newline, or to the end.
  void SkipLine();

  // Consumes `text` if it comes next.
  bool Match(const char* text);

  // An unsigned decimal number after optional blanks; a number that is too large saturates. False if no digit follows;
  // then only the blanks are consumed.
  bool Number(uint64_t* out);

  // Whether a word ends here: at a blank, a newline or the end.
  bool AtWordEnd() const { return at_ == end_ || *at_ == ' ' || *at_ == '\t' || *at_ == '\n'; }

  // A number that is a whole word, if need be with its unit, and fits 64 bits: no kernel writes "0x100", "12abc" or
  // 2^64. Keeps `out` otherwise.
  bool Whole(uint64_t* out, const char* unit = "");

  // Whether only blanks and newlines follow, which are consumed.
  bool AtContentEnd();

  // Skips `count` words of digits. False if there are fewer.
  bool SkipNumbers(uint32_t count);

  // Moves to the next `c`, which is not consumed. If there is none, moves to the end and returns false.
  bool Find(char c) {
    const void* found = at_ == end_ ? nullptr : memchr(at_, c, static_cast<size_t>(end_ - at_));
    at_ = found == nullptr ? end_ : static_cast<const char*>(found);
    return found != nullptr;
  }

  // The same with an optional minus sign; saturates at the ends of int64.
  bool Signed(int64_t* out);

  // The bytes up to the next blank or newline, after optional blanks; empty at the end of the line.
  Span Word();

  // The bytes up to the end of the line, which is consumed.
  Span Line();

 private:
  const char* at_;
  const char* end_;
};

// Lines of a key and a number, such as "MemFree:  1234 kB". The key is everything before the blanks.
struct Key {
  char text[28];
};

// Reads the number after keys[i] into values[i], once each; returns a bit for each key that has one (see Whole()).
// Stops as soon as all keys in `enough` were found. Skips the first `skip` numbers after a key.
uint32_t ReadKeys(const char* data, size_t size, const Key* keys, uint32_t count, uint32_t enough, uint64_t* values,
                  uint32_t skip = 0);

// Not inlined, because the conversion is long on x86-64 and used in many places.
double ToDouble(uint64_t value);

// a + b, or the largest number if the sum does not fit.
uint64_t SaturatingSum(uint64_t a, uint64_t b);

// value * factor, or the largest number if the product does not fit.
uint64_t SaturatingProduct(uint64_t value, uint64_t factor);

}  // namespace tripline
