#include "util/text.h"

#include <cstdlib>
#include <cstring>

namespace tripline {

Text::~Text() { free(data_); }

char* Text::Extend(size_t size) {
  const size_t needed = size_ + size + 1;
  if (needed > capacity_) {
    capacity_ = size_ == 0 || needed > 2 * capacity_ ? needed : 2 * capacity_;
    data_ = static_cast<char*>(realloc(data_, capacity_));
    if (data_ == nullptr) abort();
  }
  char* added = data_ + size_;
  size_ += size;
  data_[size_] = '\0';
  return added;
}

void Text::Set(const char* a, const char* b, const char* c, const char* d) {
  const char* const parts[] = {a, b, c, d};
  size_t size = 0;
  for (const char* part : parts) size += strlen(part);
  Clear();
  char* at = Extend(size);
  for (const char* part : parts) {
    const size_t length = strlen(part);
    memcpy(at, part, length);
    at += length;
  }
}

void Text::SetPart(const char* data, size_t size) {
  Clear();
  Add(data, size);
}

void Text::Add(const char* text) { Add(text, strlen(text)); }

void Text::Add(const char* data, size_t size) { memcpy(Extend(size), data, size); }

void Text::Add(char each, size_t times) { memset(Extend(times), each, times); }

void Text::Cut(size_t size) {
  if (size >= size_) return;
  data_[size] = '\0';
  size_ = size;
}

}  // namespace tripline
