#include "util/list.h"

#include <cstdlib>
#include <cstring>

namespace tripline {

RawList::~RawList() { free(data_); }

void RawList::Reserve(size_t count, size_t element) {
  if (count <= capacity_) return;
  const size_t doubled = size_t{2} * capacity_;
  const size_t capacity = count > doubled ? count : doubled;
  void* data = realloc(data_, capacity * element);
  if (data == nullptr) abort();
  data_ = data;
  capacity_ = static_cast<uint32_t>(capacity);
}

void* RawList::Extend(size_t element) {
  Reserve(size_t{size_} + 1, element);
  return static_cast<char*>(data_) + size_++ * element;
}

void RawList::CloseGap(size_t at, size_t count, size_t element) {
  if (count == 0) return;
  char* gap = static_cast<char*>(data_) + at * element;
  memmove(gap, gap + count * element, (size_ - at - count) * element);
  size_ -= static_cast<uint32_t>(count);
}

}  // namespace tripline
