#include "linux/parse/meminfo.h"

#include <initializer_list>

#include "linux/parse/scan.h"
#include "util/counter.h"

namespace tripline {

namespace {

constexpr uint64_t kKibi = 1024;

// Some kernels and forks write no blank after the colon.
enum MeminfoKey : uint32_t {
  kTotal,
  kFree,
  kAvailable,
  kBuffers,
  kCached,
  kSwapTotal,
  kSwapFree,
  kShmem,
  kSlab,
  kKeys
};
constexpr Key kMeminfoKeys[kKeys] = {
    {"MemTotal:"},  {"MemFree:"},  {"MemAvailable:"}, {"Buffers:"},      {"Cached:"},
    {"SwapTotal:"}, {"SwapFree:"}, {"Shmem:"},        {"SReclaimable:"},
};

constexpr uint32_t Bit(MeminfoKey key) { return uint32_t{1} << key; }

// Every kernel since 3.14 begins with these three lines, so they need no search.
bool ReadFirstLines(const char* data, size_t size, uint64_t* values) {
  Scanner scan(data, size);
  for (const MeminfoKey key : {kTotal, kFree, kAvailable}) {
    if (!scan.Match(kMeminfoKeys[key].text) || !scan.Whole(&values[key], "kB")) return false;
    scan.SkipLine();
  }
  return true;
}

}  // namespace

bool ParseMeminfo(const char* data, size_t size, bool with_swap, Meminfo* out) {
  *out = Meminfo();
  uint64_t values[kKeys] = {};
  constexpr uint32_t kEnough = Bit(kTotal) | Bit(kFree) | Bit(kAvailable);
  uint32_t found = kEnough;
  if (with_swap || !ReadFirstLines(data, size, values)) {
    const uint32_t swap = with_swap ? Bit(kSwapTotal) | Bit(kSwapFree) : 0;
    found = ReadKeys(data, size, kMeminfoKeys, kKeys, kEnough | swap, values);
  }
  // Without it, or if it is 0, the other fields are needed.
  if (values[kAvailable] == 0) found = ReadKeys(data, size, kMeminfoKeys, kKeys, UINT32_MAX, values);
  for (uint64_t& value : values) value = SaturatingProduct(value, kKibi);
  out->total = values[kTotal];
  if (out->total == 0) return false;
  out->available = values[kAvailable];
  if (out->available == 0) {
    const uint64_t cache = SaturatingSum(SaturatingSum(values[kBuffers], values[kCached]), values[kSlab]);
    const uint64_t sum = SaturatingSum(values[kFree], cache);
    const uint64_t estimate = sum > values[kShmem] ? sum - values[kShmem] : values[kFree];
    // The kernel shows 0 on a machine that is running out, where what it keeps for itself exceeds what is left. That is
    // a small part of the machine; next to more than that, a 0 means that the figure is not provided.
    const bool true_zero = (found & Bit(kAvailable)) != 0 && estimate < out->total / 8;
    out->available = true_zero ? 0 : estimate;
  }
  // lxcfs mixes figures of the container with those of the host.
  if (out->available > out->total) {
    if ((found & Bit(kFree)) == 0 || values[kFree] > out->total) {
      *out = Meminfo();
      return false;
    }
    out->available = values[kFree];
    out->doubtful = true;
  }
  if (!with_swap) return true;
  out->swap_total = values[kSwapTotal];
  out->swap_free = values[kSwapFree] < out->swap_total ? values[kSwapFree] : out->swap_total;
  return true;
}

bool ParseArcstats(const char* data, size_t size, uint64_t* reclaimable) {
  // "name type data", padded with blanks.
  constexpr Key kArcKeys[] = {{"size "}, {"c_min "}};
  uint64_t values[2] = {};
  const uint32_t found = ReadKeys(data, size, kArcKeys, 2, 3, values, 1);
  *reclaimable = SaturatingDifference(values[0], values[1]);
  return found == 3;
}

}  // namespace tripline
