#include "linux/parse/sensor.h"

namespace tripline {

namespace {

constexpr int64_t kColdest = -40000;
constexpr int64_t kHottest = 150000;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool Contains(Span text, const char* part) {
  const size_t length = strlen(part);
  for (size_t at = 0; at + length <= text.size; at++) {
    size_t same = 0;
    while (same < length && Lower(text.data[at + same]) == part[same]) same++;
    if (same == length) return true;
  }
  return false;
}

}  // namespace

bool ParseTemperature(const char* data, size_t size, double* celsius) {
  int64_t value = 0;
  if (!ParseInteger(data, size, &value) || value < kColdest || value > kHottest) return false;
  *celsius = static_cast<double>(value) / 1000;
  return true;
}

Span FirstWord(const char* data, size_t size) {
  Scanner scan(data, size);
  return scan.Word();
}

bool ParseInteger(const char* data, size_t size, int64_t* out) {
  Scanner scan(data, size);
  return scan.Signed(out);
}

bool ParseHex(const char* data, size_t size, uint64_t* out) {
  Scanner scan(data, size);
  scan.SkipBlanks();
  scan.Match("0x");
  uint64_t value = 0;
  int digits = 0;
  for (; digits < 16; digits++) {
    const char c = Lower(scan.peek());
    if (c >= '0' && c <= '9')
      value = value * 16 + static_cast<uint64_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value * 16 + static_cast<uint64_t>(c - 'a' + 10);
    else
      break;
    scan.Advance();
  }
  *out = value;
  return digits > 0;
}

bool IsCpuSensor(Span name) {
  // Zones of boards and drivers of chips, as kernels name them: cpu-thermal, cpu0-thermal, soc_thermal, x86_pkg_temp,
  // bigcore0-thermal, cluster0, coretemp, k10temp, zenpower, cpu_thermal (the Raspberry Pi's).
  constexpr const char* kParts =
      "cpu\0soc\0x86_pkg\0coretemp\0k10temp\0k8temp\0zenpower\0core\0cluster\0tsens\0package\0tctl\0tdie\0";
  for (const char* part = kParts; *part != '\0'; part += strlen(part) + 1) {
    if (Contains(name, part)) return true;
  }
  return false;
}

}  // namespace tripline
