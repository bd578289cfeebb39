#include "meminfo.h"

#include "scan.h"

namespace tripline {

namespace {

// The value after the key, in KiB. Some kernels and forks write no blank after the colon.
bool Kibibytes(Scanner* scan, uint64_t* out) {
  uint64_t value = 0;
  if (!scan->Number(&value)) return false;
  *out = value > UINT64_MAX / 1024 ? UINT64_MAX : value * 1024;
  return true;
}

uint64_t Plus(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

}  // namespace

bool ParseMeminfo(const char* data, size_t size, bool with_swap, Meminfo* out) {
  *out = Meminfo();
  uint64_t free = 0, buffers = 0, cached = 0, slab = 0, shmem = 0;
  bool has_total = false, has_available = false, has_swap_total = !with_swap, has_swap_free = !with_swap;
  Scanner scan(data, size);
  while (!scan.done() && !(has_total && has_available && has_swap_total && has_swap_free)) {
    // One look at the first letter spares most lines their comparisons.
    switch (scan.peek()) {
      case 'M':
        if (scan.Match("MemTotal:"))
          has_total = Kibibytes(&scan, &out->total);
        else if (scan.Match("MemFree:"))
          Kibibytes(&scan, &free);
        else if (scan.Match("MemAvailable:"))
          has_available = Kibibytes(&scan, &out->available) && out->available > 0;
        break;
      case 'B':
        if (scan.Match("Buffers:")) Kibibytes(&scan, &buffers);
        break;
      case 'C':
        if (scan.Match("Cached:")) Kibibytes(&scan, &cached);
        break;
      case 'S':
        if (scan.Match("SwapTotal:"))
          has_swap_total = Kibibytes(&scan, &out->swap_total);
        else if (scan.Match("SwapFree:"))
          has_swap_free = Kibibytes(&scan, &out->swap_free);
        else if (scan.Match("SReclaimable:"))
          Kibibytes(&scan, &slab);
        else if (scan.Match("Shmem:"))
          Kibibytes(&scan, &shmem);
        break;
      default: break;
    }
    scan.SkipLine();
  }
  if (!has_total || out->total == 0) return false;
  if (!has_available) {
    const uint64_t sum = Plus(Plus(free, buffers), Plus(cached, slab));
    out->available = sum > shmem ? sum - shmem : free;
    if (out->available > out->total) out->available = free;
  }
  if (out->available > out->total) out->available = out->total;
  if (out->swap_free > out->swap_total) out->swap_free = out->swap_total;
  return true;
}

bool ParseArcstats(const char* data, size_t size, uint64_t* reclaimable) {
  uint64_t arc = 0, minimum = 0;
  bool has_size = false, has_minimum = false;
  Scanner scan(data, size);
  while (!scan.done() && !(has_size && has_minimum)) {
    // "name type data", padded with blanks.
    uint64_t type = 0;
    if (scan.Match("size "))
      has_size = scan.Number(&type) && scan.Number(&arc);
    else if (scan.Match("c_min "))
      has_minimum = scan.Number(&type) && scan.Number(&minimum);
    scan.SkipLine();
  }
  *reclaimable = arc > minimum ? arc - minimum : 0;
  return has_size && has_minimum;
}

}  // namespace tripline
