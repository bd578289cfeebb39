// Text that is put together: of a fixed size, which takes system calls only, and of any size. In place of printf, which
// is larger than all of it, and of std::string, which release binaries link without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tripline {

// Digits of a number; writes at most 20 bytes and no NUL. Returns how many.
size_t ToDigits(uint64_t number, char* out);

// The part of FixedText that need not know its size, so that its code exists once.
class FixedTextBase {
 public:
  size_t size() const { return size_; }
  bool cut() const { return cut_; }

 protected:
  // Of what does not fit into `capacity` bytes of `buffer`, its NUL included, the end is cut off.
  void Append(char* buffer, size_t capacity, const char* text, size_t size);
  void Append(char* buffer, size_t capacity, uint64_t number);
  void AppendHex(char* buffer, size_t capacity, uint32_t number);

  uint32_t size_ = 0;
  bool cut_ = false;
};

// At most kSize - 1 bytes; what does not fit is cut off, and cut() says so.
template <size_t kSize>
class FixedText : public FixedTextBase {
 public:
  // Not all bytes are cleared: that would be done at each use.
  FixedText() { text_[0] = '\0'; }

  FixedText& Add(const char* text) { return Add(text, strlen(text)); }
  FixedText& Add(const char* text, size_t size) {
    Append(text_, kSize, text, size);
    return *this;
  }
  FixedText& Add(uint64_t number) {
    Append(text_, kSize, number);
    return *this;
  }
  // As "0x0000002A".
  FixedText& AddHex(uint32_t number) {
    AppendHex(text_, kSize, number);
    return *this;
  }
  void Clear() {
    size_ = 0;
    cut_ = false;
    text_[0] = '\0';
  }
  const char* get() const { return text_; }

 private:
  char text_[kSize];
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

  const char* get() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  // Makes room for so many more and their NUL, no more than that where it was empty: most texts are set once.
  char* Extend(size_t size);

  char* data_ = const_cast<char*>("");  // not ours while capacity_ is 0
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace tripline
