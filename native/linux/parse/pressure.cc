#include "linux/parse/pressure.h"

#include "linux/parse/scan.h"

namespace tripline {

namespace {

constexpr int kMostDigits = 19;

uint32_t FourBytes(const char* at) {
  uint32_t word;
  memcpy(&word, at, sizeof(word));
  return word;
}

// The averages are ignored, because they only change every two seconds. The total is the last field in every kernel so
// far, so it is read from the end.
bool Total(const char* line, const char* end, uint64_t* out) {
  uint64_t value = 0, unit = 1;
  const char* at = end;
  for (; at != line; at--, unit *= 10) {
    const auto digit = static_cast<unsigned char>(at[-1] - '0');
    if (digit > 9) break;
    value += digit * unit;
  }
  if (at != end && end - at <= kMostDigits && at - line >= 6 && FourBytes(at - 6) == FourBytes("tota") &&
      FourBytes(at - 4) == FourBytes("tal=")) {
    *out = value;
    return true;
  }
  for (Scanner scan(line, static_cast<size_t>(end - line)); scan.Find('t'); scan.Advance()) {
    if (scan.Match("total=")) return scan.Whole(out);
  }
  return false;
}

}  // namespace

bool ParsePressure(const char* data, size_t size, Pressure* out) {
  *out = Pressure();
  bool has_some = false;
  const char* const end = data + size;
  for (const char* line = data; line != end;) {
    const void* newline = memchr(line, '\n', static_cast<size_t>(end - line));
    const char* stop = newline == nullptr ? end : static_cast<const char*>(newline);
    const uint32_t name = stop - line > 4 && line[4] == ' ' ? FourBytes(line) : 0;
    if (name == FourBytes("some"))
      has_some = Total(line, stop, &out->some);
    else if (name == FourBytes("full"))
      out->has_full = Total(line, stop, &out->full);
    line = stop == end ? end : stop + 1;
  }
  return has_some;
}

}  // namespace tripline
