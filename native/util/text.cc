#include "util/text.h"

#include <cstdlib>
#include <cstring>

namespace tripline {

size_t ToDigits(uint64_t number, char* out) {
  char reversed[20];
  size_t count = 0;
  do {
    reversed[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  for (size_t i = 0; i < count; i++) out[i] = reversed[count - 1 - i];
  return count;
}

void FixedTextBase::Append(char* buffer, size_t capacity, const char* text, size_t size) {
  const size_t room = cut_ ? 0 : capacity - 1 - size_;
  if (size > room) {
    size = room;
    cut_ = true;
  }
  memcpy(buffer + size_, text, size);
  size_ += static_cast<uint32_t>(size);
  buffer[size_] = '\0';
}

void FixedTextBase::Append(char* buffer, size_t capacity, uint64_t number) {
  char digits[20];
  Append(buffer, capacity, digits, ToDigits(number, digits));
}

void FixedTextBase::AppendHex(char* buffer, size_t capacity, uint32_t number) {
  char text[] = "0x00000000";
  for (int i = 9; i >= 2; i--, number >>= 4) text[i] = "0123456789ABCDEF"[number & 15];
  Append(buffer, capacity, text, sizeof(text) - 1);
}

// The constructor and the destructor are not inlined, because most probes have several texts.
[[gnu::noinline]] Text::Text() = default;

Text::~Text() {
  if (capacity_ != 0) free(data_);
}

char* Text::Extend(size_t size) {
  const size_t needed = size_ + size + 1;
  if (needed > UINT32_MAX / 2) abort();
  if (needed > capacity_) {
    void* before = capacity_ == 0 ? nullptr : data_;
    const uint32_t doubled = 2 * capacity_;
    capacity_ = static_cast<uint32_t>(size_ == 0 || needed > doubled ? needed : doubled);
    data_ = static_cast<char*>(realloc(before, capacity_));
    if (data_ == nullptr) abort();
  }
  char* added = data_ + size_;
  size_ += static_cast<uint32_t>(size);
  data_[size_] = '\0';
  return added;
}

void Text::Set(const char* text) {
  Clear();
  Add(text);
}

void Text::Set(const char* a, const char* b) {
  Set(a);
  Add(b);
}

void Text::Set(const char* a, const char* b, const char* c) {
  Set(a, b);
  Add(c);
}

void Text::Set(const char* a, const char* b, const char* c, const char* d) {
  Set(a, b, c);
  Add(d);
}

void Text::SetPart(const char* data, size_t size) {
  Clear();
  Add(data, size);
}

void Text::Add(const char* text) { Add(text, strlen(text)); }

void Text::Add(const char* data, size_t size) { memcpy(Extend(size), data, size); }

void Text::Add(char each, size_t times) { memset(Extend(times), each, times); }

void Text::AddNumber(uint64_t number) {
  char digits[20];
  Add(digits, ToDigits(number, digits));
}

void Text::Cut(size_t size) {
  if (size >= size_) return;
  data_[size] = '\0';
  size_ = static_cast<uint32_t>(size);
}

}  // namespace tripline
