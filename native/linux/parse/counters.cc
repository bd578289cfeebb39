#include "counters.h"

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
    // The last colon: an alias has one in its name.
    const void* last = memrchr(line.data, ':', line.size);
    if (last == nullptr) continue;  // one of the two headings
    const size_t colon = static_cast<size_t>(static_cast<const char*>(last) - line.data);
    size_t begin = 0;
    while (begin < colon && line.data[begin] == ' ') begin++;
    out->name = {line.data + begin, colon - begin};
    // bytes packets errs drop fifo frame compressed multicast, and the same for what is sent
    Scanner numbers(line.data + colon + 1, line.size - colon - 1);
    const bool good = out->name.size > 0 && numbers.Number(&out->received) && numbers.SkipNumbers(7) &&
                      numbers.Number(&out->sent);
    if (good) return true;
  }
  return false;
}

bool ParseSwapCounters(const char* data, size_t size, uint64_t* pages) {
  uint64_t in = 0, out = 0;
  bool has_in = false, has_out = false;
  Scanner scan(data, size);
  while (!scan.done() && !(has_in && has_out)) {
    if (scan.peek() == 'p') {
      if (scan.Match("pswpin "))
        has_in = scan.Number(&in);
      else if (scan.Match("pswpout "))
        has_out = scan.Number(&out);
    }
    scan.SkipLine();
  }
  *pages = in > UINT64_MAX - out ? UINT64_MAX : in + out;
  return has_in && has_out;
}

uint64_t CounterGrowth(uint64_t old, uint64_t now) {
  if (now >= old) return now - old;
  constexpr uint64_t kWrap = uint64_t{1} << 32;
  // Only from the upper half into the lower half of 32 bits; everything else is a new counter, and what it has is not
  // known to be new.
  const bool wrapped = old < kWrap && old >= kWrap / 2 && now < kWrap / 2;
  return wrapped ? kWrap - old + now : 0;
}

}  // namespace tripline
