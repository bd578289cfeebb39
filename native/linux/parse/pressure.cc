#include "linux/parse/pressure.h"

#include "linux/parse/scan.h"

namespace tripline {

namespace {

// The averages are left alone: they move every two seconds only.
bool Total(Span line, uint64_t* out) {
  for (Scanner scan(line.data, line.size); scan.Find('t'); scan.Advance()) {
    if (scan.Match("total=")) return scan.Number(out);
  }
  return false;
}

}  // namespace

bool ParsePressure(const char* data, size_t size, Pressure* out) {
  *out = Pressure();
  bool has_some = false;
  Scanner scan(data, size);
  while (!scan.done()) {
    const Span line = scan.Line();
    if (line.StartsWith("some "))
      has_some = Total(line, &out->some);
    else if (line.StartsWith("full "))
      out->has_full = Total(line, &out->full);
  }
  return has_some;
}

}  // namespace tripline
