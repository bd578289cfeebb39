#include "linux/parse/stat.h"

namespace tripline {

namespace {

bool ParseColumns(Scanner* scan, CpuTimes* out) {
  int columns = 0;
  while (columns < CpuTimes::kFields && scan->Number(&out->of[columns])) columns++;
  for (int missing = columns; missing < CpuTimes::kFields; missing++) out->of[missing] = 0;
  return columns > CpuTimes::kIdle && scan->AtWordEnd();
}

}  // namespace

bool ParseCpuTotal(const char* data, size_t size, CpuTimes* out) {
  Scanner scan(data, size);
  return scan.Match("cpu ") && ParseColumns(&scan, out);
}

bool CpuLines::Next(uint32_t* cpu, CpuTimes* out) {
  // The lines of CPUs are together at the start: stop at the first other line.
  while (scan_.Match("cpu")) {
    uint64_t number = 0;
    const bool single = scan_.peek() != ' ' && scan_.Number(&number) && number < UINT32_MAX;
    const bool good = single && ParseColumns(&scan_, out);
    scan_.SkipLine();
    if (!good) continue;
    *cpu = static_cast<uint32_t>(number);
    return true;
  }
  return false;
}

uint32_t CountCpuLines(const char* data, size_t size) {
  uint32_t count = 0;
  Scanner scan(data, size);
  for (; scan.Match("cpu"); scan.SkipLine()) count += scan.peek() >= '0' && scan.peek() <= '9';
  return count;
}

bool ParseCpuList(const char* data, size_t size, uint32_t* count) {
  *count = 0;
  Scanner scan(data, size);
  do {
    uint64_t first = 0, last = 0;
    if (!scan.Number(&first)) return false;
    last = first;
    if (scan.Match("-") && !scan.Number(&last)) return false;
    if (last < first || last > UINT16_MAX) return false;
    *count += static_cast<uint32_t>(last - first + 1);
  } while (scan.Match(","));
  return *count <= UINT16_MAX && (scan.done() || scan.peek() == '\n');
}

}  // namespace tripline
