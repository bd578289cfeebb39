#include "linux/parse/scan.h"

namespace tripline {

namespace {

constexpr bool kLittleEndian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

constexpr uint64_t kEachByte = 0x0101010101010101;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// The value of a digit string that may be too long for 64 bits.
uint64_t SaturatingNumber(const char* at, const char* end) {
  uint64_t value = 0;
  for (; at != end; at++) {
    const uint64_t digit = static_cast<uint64_t>(*at - '0');
    if (value > (UINT64_MAX - digit) / 10) return UINT64_MAX;
    value = value * 10 + digit;
  }
  return value;
}

// The next eight bytes, each changed by `change`.
inline uint64_t LoadWord(const char* at, uint8_t change) {
  uint64_t word;
  memcpy(&word, at, sizeof(word));
  return word ^ kEachByte * change;
}

// The highest bit of each byte that is above `most`. Exact up to the first such byte, and for all bytes if they are
// ASCII.
inline uint64_t Above(uint64_t word, uint8_t most) {
  return ((word + kEachByte * (0x7fu - most)) | word) & kEachByte * 0x80;
}

// The number of bytes before the first one above `most`.
inline uint32_t CountSmall(uint64_t word, uint8_t most) {
  const uint64_t others = Above(word, most);
  return others == 0 ? 8 : static_cast<uint32_t>(__builtin_ctzll(others)) / 8;
}

// Eight bytes at once, because kernel files often pad columns with that many blanks.
inline const char* PassBlanks(const char* at, const char* end) {
  while (kLittleEndian && end - at >= 8) {
    const uint32_t blanks = CountSmall(LoadWord(at, ' '), 0);
    at += blanks;
    if (blanks == 8) continue;
    if (*at != '\t') return at;
    break;
  }
  while (at != end && IsBlank(*at)) at++;
  return at;
}

inline const char* PassDigits(const char* at, const char* end) {
  while (kLittleEndian && end - at >= 8) {
    const uint32_t digits = CountSmall(LoadWord(at, '0'), 9);
    at += digits;
    if (digits < 8) return at;
  }
  while (at != end && IsDigit(*at)) at++;
  return at;
}

}  // namespace

bool Span::Is(const char* text) const { return size == strlen(text) && memcmp(data, text, size) == 0; }

bool Span::StartsWith(const char* text) const {
  const size_t length = strlen(text);
  return size >= length && memcmp(data, text, length) == 0;
}

bool Span::IsAnyOf(const char* words) const {
  for (const char* word = words; *word != '\0'; word += strlen(word) + 1) {
    if (Is(word)) return true;
  }
  return false;
}

void Scanner::SkipBlanks() { at_ = PassBlanks(at_, end_); }

void Scanner::SkipLine() {
  if (at_ == end_) return;
  const void* newline = memchr(at_, '\n', static_cast<size_t>(end_ - at_));
  at_ = newline == nullptr ? end_ : static_cast<const char*>(newline) + 1;
}

bool Scanner::Match(const char* text) {
  const char* at = at_;
  for (; *text != '\0'; at++, text++) {
    if (at == end_ || *at != *text) return false;
  }
  at_ = at;
  return true;
}

// Byte by byte, in a small loop: most numbers are short.
bool Scanner::Number(uint64_t* out) {
  const char* at = at_;
  while (at != end_ && IsBlank(*at)) at++;
  const char* const start = at;
  uint64_t value = 0;
  for (; at != end_; at++) {
    const auto digit = static_cast<unsigned char>(*at - '0');
    if (digit > 9) break;
    value = value * 10 + digit;
  }
  at_ = at;
  if (at == start) return false;
  constexpr int kSafe = 19;  // digits, which fit whatever they are
  *out = at - start > kSafe ? SaturatingNumber(start, at) : value;
  return true;
}

bool Scanner::Whole(uint64_t* out, const char* unit) {
  uint64_t value = 0;
  if (!Number(&value) || value == UINT64_MAX) return false;
  Match(unit);
  if (!AtWordEnd()) return false;
  *out = value;
  return true;
}

bool Scanner::AtContentEnd() {
  while (at_ != end_ && AtWordEnd()) at_++;
  return at_ == end_;
}

bool Scanner::SkipNumbers(uint32_t count) {
  const char* at = at_;
  bool within = false;  // a number, whose end is still to come
  while (kLittleEndian && count > 0 && end_ - at >= 8) {
    const uint64_t others = Above(LoadWord(at, '0'), 9);
    if ((others & Above(LoadWord(at, ' '), 0)) != 0) break;
    const uint64_t digits = others ^ kEachByte * 0x80;
    uint64_t ends = others & (digits << 8 | (within ? 0x80u : 0u));
    const uint32_t passed = static_cast<uint32_t>((ends >> 7) * kEachByte >> 56);
    if (passed >= count) {
      for (; count > 1; count--) ends &= ends - 1;
      at_ = at + __builtin_ctzll(ends) / 8;
      return true;
    }
    count -= passed;
    within = digits >> 63 != 0;
    at += 8;
  }
  for (; count > 0; count--, within = false) {
    const char* const start = within ? at : PassBlanks(at, end_);
    at = PassDigits(start, end_);
    if (at == start && !within) break;
  }
  at_ = at;
  return count == 0;
}

bool Scanner::Signed(int64_t* out) {
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

Span Scanner::Word() {
  SkipBlanks();
  Span word{at_, 0};
  while (at_ != end_ && *at_ != ' ' && *at_ != '\t' && *at_ != '\n') at_++;
  word.size = static_cast<size_t>(at_ - word.data);
  return word;
}

Span Scanner::Line() {
  Span line{at_, 0};
  SkipLine();
  line.size = static_cast<size_t>(at_ - line.data);
  if (line.size > 0 && line.data[line.size - 1] == '\n') line.size--;
  return line;
}

uint32_t ReadKeys(const char* data, size_t size, const Key* keys, uint32_t count, uint32_t enough, uint64_t* values,
                  uint32_t skip) {
  uint32_t found = 0;
  Scanner scan(data, size);
  while (!scan.done() && (found & enough) != enough) {
    const char first = scan.peek();
    for (uint32_t i = 0; i < count; i++) {
      if (keys[i].text[0] != first || !scan.Match(keys[i].text)) continue;
      if ((skip == 0 || scan.SkipNumbers(skip)) && scan.Whole(&values[i], "kB")) found |= uint32_t{1} << i;
      break;
    }
    scan.SkipLine();
  }
  return found;
}

__attribute__((noinline)) double ToDouble(uint64_t value) { return static_cast<double>(value); }

uint64_t SaturatingProduct(uint64_t value, uint64_t factor) {
  return value > UINT64_MAX / factor ? UINT64_MAX : value * factor;
}

uint64_t SaturatingSum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

}  // namespace tripline
