#include "linux/parse/counters.h"

namespace tripline {

bool ParseBlockStat(const char* data, size_t size, BlockStat* out) {
  *out = BlockStat();
  Scanner scan(data, size);
  // reads merged SECTORS ms writes merged SECTORS ms in-flight BUSY-MS
  return scan.SkipNumbers(2) && scan.Number(&out->read_sectors) && scan.SkipNumbers(3) &&
         scan.Number(&out->written_sectors) && scan.SkipNumbers(2) && scan.Number(&out->busy_ms);
}

bool NextInterface(Scanner* scan, InterfaceLine* out) {
  while (!scan->done()) {
    scan->SkipBlanks();
    const Span line = scan->Line();
    // The name stands up to the first blank, and the first number may follow the colon at once.
    size_t colon = 0;
    for (size_t i = 0; i < line.size && line.data[i] != ' '; i++) {
      if (line.data[i] == ':') colon = i;
    }
    // The two headings have none.
    if (colon == 0 || colon >= kInterfaceNameSize) continue;
    out->name = {line.data, colon};
    out->numbers = {line.data + colon + 1, line.size - colon - 1};
    return true;
  }
  return false;
}

bool ParseTraffic(Span numbers, uint64_t* received, uint64_t* sent) {
  Scanner scan(numbers.data, numbers.size);
  return scan.Number(received) && scan.SkipNumbers(7) && scan.Number(sent);
}

bool ParseSwapCounters(const char* data, size_t size, uint64_t* pages) {
  constexpr Key kKeys[] = {{"pswpin "}, {"pswpout "}};
  uint64_t values[2] = {};
  const uint32_t found = ReadKeys(data, size, kKeys, 2, 3, values);
  *pages = SaturatingSum(values[0], values[1]);
  return found == 3;
}

}  // namespace tripline
