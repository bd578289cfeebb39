// Builders of text: one of a fixed size, which allocates nothing, and one of any size. They replace printf, which is
// larger than all of this, and std::string, which release binaries do not link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tripline {

// Writes the decimal digits of a number, at most 20 bytes and no NUL. Returns how many.
size_t ToDigits(uint64_t number, char* out);

// The part of FixedText that does not depend on its size, so that its code exists once.
class FixedTextBase {
 public:
  size_t size() const { return size_; }
  bool cut() const { return cut_; }

 protected:
  // Appends to `buffer`, which has room for `capacity` bytes including the NUL; what does not fit is cut off.
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
  // Clears only the first byte: clearing all of them would cost time at each use.
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

// Grows as needed; ends the process when memory runs out, as all of this library does.
class Text {
 public:
  Text();
  ~Text();
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  // Sets one text or a concatenation. Overloads rather than default arguments, which every call would have to pass.
  void Set(const char* text);
  void Set(const char* a, const char* b);
  void Set(const char* a, const char* b, const char* c);
  void Set(const char* a, const char* b, const char* c, const char* d);
  void SetPart(const char* data, size_t size);
  void Add(const char* text);
  void Add(const char* data, size_t size);
  void Add(char each, size_t times = 1);
  void AddNumber(uint64_t number);
  void Cut(size_t size);
  void Clear() { Cut(0); }

  const char* get() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  // Makes room for `size` more bytes and the NUL. An empty text gets exactly that much: most texts are set once.
  char* Extend(size_t size);

  char* data_ = const_cast<char*>("");  // owned only if capacity_ is not 0
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace tripline
