#include "linux/parse/counters.h"

namespace tripline {

bool ParseBlockStat(const char* data, size_t size, BlockStat* out) {
  *out = BlockStat();
  Scanner scan(data, size);
  // reads merged SECTORS ms writes merged SECTORS ms in-flight BUSY-MS
  return scan.SkipNumbers(2) && scan.Number(&out->read_sectors) && scan.SkipNumbers(3) &&
         scan.Number(&out->written_sectors) && scan.SkipNumbers(2) && scan.Number(&out->busy_ms);
}

bool NextInterface(Scanner* scan, NetworkInterface* out) {
  while (!scan->done()) {
    const Span line = scan->Line();
    // Names have 15 bytes at most, and what pads them.
    const size_t head = line.size < 40 ? line.size : 40;
    size_t colon = line.size;
    for (size_t i = 0; i < head; i++) {
      if (line.data[i] == ':') colon = i;
    }
    if (colon == line.size) continue;  // one of the two headings
    size_t begin = 0;
    while (begin < colon && line.data[begin] == ' ') begin++;
    out->name = {line.data + begin, colon - begin};
    // bytes packets errs drop fifo frame compressed multicast, and the same for what is sent
    Scanner numbers(line.data + colon + 1, line.size - colon - 1);
    const bool good =
        out->name.size > 0 && numbers.Number(&out->received) && numbers.SkipNumbers(7) && numbers.Number(&out->sent);
    if (good) return true;
  }
  return false;
}

bool ParseSwapCounters(const char* data, size_t size, uint64_t* pages) {
  constexpr Key kKeys[] = {{"pswpin "}, {"pswpout "}};
  uint64_t values[2] = {};
  const uint32_t found = ReadKeys(data, size, kKeys, 2, 3, values);
  *pages = SaturatingSum(values[0], values[1]);
  return found == 3;
}

}  // namespace tripline
