// What all fuzz targets share: the choice of a target by the environment variable TARGET, a check, and numbers from the
// input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tripline::fuzz {

// Prints the line of the call that fails.
inline void Require(bool good, int line = __builtin_LINE()) {
  if (good) return;
  fprintf(stderr, "line %d: it does not hold\n", line);
  abort();
}

// Takes numbers from the input; zeros once it has ended.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool done() const { return left_ == 0; }
  // From 0 to `most`, which is at most 255.
  uint32_t Take(uint32_t most) {
    if (left_ == 0) return 0;
    left_--;
    return *data_++ % (most + 1);
  }
  // All bits may be set, and small numbers are as frequent as large ones.
  uint64_t TakeAny() {
    uint64_t number = 0;
    for (uint32_t bytes = Take(8); bytes > 0; bytes--) number = number << 8 | Take(255);
    return number;
  }
  // A text without NUL of at most `most` bytes, into room for one more. It ends before a NUL of the input.
  void TakeText(char* out, uint32_t most) {
    uint32_t size = 0;
    while (size < most) {
      const auto each = static_cast<char>(Take(255));
      if (each == '\0') break;
      out[size++] = each;
    }
    out[size] = '\0';
  }
  const uint8_t* data() const { return data_; }
  size_t left() const { return left_; }

 private:
  const uint8_t* data_;
  size_t left_;
};

struct Target {
  const char* name;
  void (*run)(Input input);
};

template <size_t kCount>
const Target* Chosen(const Target (&targets)[kCount]) {
  const char* name = getenv("TARGET");
  for (const Target& each : targets) {
    if (name != nullptr && strcmp(each.name, name) == 0) return &each;
  }
  abort();
}

}  // namespace tripline::fuzz
