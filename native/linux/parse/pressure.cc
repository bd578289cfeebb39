#include "linux/parse/pressure.h"

#include "linux/parse/scan.h"

namespace tripline {

namespace {

// The averages are left alone: they move every two seconds only.
bool Total(Span line, uint64_t* out) {
  // The last field in every kernel so far: its digits are found from the end.
  const char* digits = line.data + line.size;
  while (digits != line.data && digits[-1] != '=') digits--;
  constexpr char kName[] = "total=";
  constexpr size_t kNameSize = sizeof(kName) - 1;
  if (static_cast<size_t>(digits - line.data) >= kNameSize && memcmp(digits - kNameSize, kName, kNameSize) == 0) {
    return Scanner(digits, static_cast<size_t>(line.data + line.size - digits)).Number(out);
  }
  for (Scanner scan(line.data, line.size); scan.Find('t'); scan.Advance()) {
    if (scan.Match(kName)) return scan.Number(out);
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
