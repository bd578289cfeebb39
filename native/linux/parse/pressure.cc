#include "pressure.h"

#include "scan.h"

namespace tripline {

namespace {

// The averages are left alone: they move every two seconds only.
bool Total(Scanner* scan, uint64_t* out) {
  for (;;) {
    const Span word = scan->Word();
    if (word.size == 0) return false;
    if (!word.StartsWith("total=")) continue;
    Scanner number(word.data + 6, word.size - 6);
    return number.Number(out);
  }
}

}  // namespace

bool ParsePressure(const char* data, size_t size, Pressure* out) {
  *out = Pressure();
  bool has_some = false;
  Scanner scan(data, size);
  while (!scan.done()) {
    if (scan.Match("some "))
      has_some = Total(&scan, &out->some);
    else if (scan.Match("full "))
      out->has_full = Total(&scan, &out->full);
    scan.SkipLine();
  }
  return has_some;
}

}  // namespace tripline
