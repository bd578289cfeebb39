// Text that is put together: of a fixed size, which takes system calls only, and of any size. In place of printf, which
// is larger than all of it, and of std::string, which release binaries link without.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

// Digits of a number; writes at most 20 bytes and no NUL. Returns how many.
inline size_t ToDigits(uint64_t number, char* out) {
  char reversed[20];
  size_t count = 0;
  do {
    reversed[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  for (size_t i = 0; i < count; i++) out[i] = reversed[count - 1 - i];
  return count;
}

// At most kSize - 1 bytes; what does not fit is cut off, and cut() says so.
template <size_t kSize>
class FixedText {
 public:
  FixedText& Add(const char* text) {
    while (*text != '\0') Put(*text++);
    return *this;
  }
  FixedText& Add(const char* text, size_t size) {
    for (size_t i = 0; i < size; i++) Put(text[i]);
    return *this;
  }
  FixedText& Add(uint64_t number) {
    char digits[20];
    return Add(digits, ToDigits(number, digits));
  }
  // As "0x0000002A".
  FixedText& AddHex(uint32_t number) {
    Add("0x");
    for (int shift = 28; shift >= 0; shift -= 4) Put("0123456789ABCDEF"[number >> shift & 15]);
    return *this;
  }
  void Clear() {
    size_ = 0;
    cut_ = false;
    text_[0] = '\0';
  }
  const char* get() const { return text_; }
  size_t size() const { return size_; }
  bool cut() const { return cut_; }

 private:
  void Put(char each) {
    cut_ = cut_ || size_ + 1 >= kSize;
    if (cut_) return;
    text_[size_++] = each;
    text_[size_] = '\0';
  }

  size_t size_ = 0;
  bool cut_ = false;
  char text_[kSize] = {};
};

// Grows; ends the process where memory runs out, as all of this library does.
class Text {
 public:
  Text() = default;
  ~Text();
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  void Set(const char* a, const char* b = "", const char* c = "", const char* d = "");
  void SetPart(const char* data, size_t size);
  void Add(const char* text);
  void Add(const char* data, size_t size);
  void Add(char each, size_t times = 1);
  void Cut(size_t size);
  void Clear() { Cut(0); }

  const char* get() const { return data_ == nullptr ? "" : data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  // Makes room for so many more and their NUL, no more than that where it was empty: most texts are set once.
  char* Extend(size_t size);

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace tripline
