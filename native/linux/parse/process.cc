#include "process.h"

#include "scan.h"

namespace tripline {

bool ParseProcessStat(const char* data, size_t size, ProcessStat* out) {
  *out = ProcessStat();
  Scanner head(data, size);
  if (!head.Signed(&out->pid)) return false;
  // A program may call itself anything, ") R 1" too: the name ends at the last parenthesis.
  const char* end = data + size;
  const char* close = end;
  while (close != head.at() && *(close - 1) != ')') close--;
  if (close == head.at()) return false;
  Scanner scan(close, static_cast<size_t>(end - close));
  const Span state = scan.Word();
  if (state.size != 1) return false;
  out->state = state.data[0];
  if (!scan.Signed(&out->parent)) return false;
  // Fields 5 to 24 by their number in proc(5).
  int64_t value = 0;
  for (int field = 5; field <= 24; field++) {
    if (!scan.Signed(&value)) return false;
    const uint64_t amount = value < 0 ? 0 : static_cast<uint64_t>(value);
    switch (field) {
      case 14: out->user = amount; break;
      case 15: out->system = amount; break;
      case 16: out->child_user = amount; break;
      case 17: out->child_system = amount; break;
      case 20: out->threads = amount; break;
      case 22: out->start = amount; break;
      case 24: out->resident = amount; break;
      default: break;
    }
  }
  return true;
}

bool ParseStatm(const char* data, size_t size, uint64_t* size_pages, uint64_t* resident_pages) {
  Scanner scan(data, size);
  return scan.Number(size_pages) && scan.Number(resident_pages);
}

bool ParseFootprint(const char* data, size_t size, uint64_t* bytes) {
  uint64_t anonymous = 0, swapped = 0;
  bool has_anonymous = false, has_swapped = false;
  Scanner scan(data, size);
  while (!scan.done() && !(has_anonymous && has_swapped)) {
    if (scan.Match("RssAnon:"))
      has_anonymous = scan.Number(&anonymous);
    else if (scan.Match("VmSwap:"))
      has_swapped = scan.Number(&swapped);
    scan.SkipLine();
  }
  const uint64_t sum = anonymous > UINT64_MAX - swapped ? UINT64_MAX : anonymous + swapped;
  *bytes = sum > UINT64_MAX / 1024 ? UINT64_MAX : sum * 1024;
  return has_anonymous;
}

bool ParseOpenFilesLimit(const char* data, size_t size, uint64_t* limit) {
  Scanner scan(data, size);
  while (!scan.done()) {
    if (scan.Match("Max open files")) {
      scan.SkipBlanks();
      *limit = UINT64_MAX;
      return scan.Match("unlimited") || scan.Number(limit);
    }
    scan.SkipLine();
  }
  return false;
}

bool ParseLoadavg(const char* data, size_t size, double* one_minute) {
  Scanner scan(data, size);
  uint64_t whole = 0;
  if (!scan.Number(&whole) || !scan.Match(".")) return false;
  double value = static_cast<double>(whole);
  double unit = 0.1;
  int digits = 0;
  for (; scan.peek() >= '0' && scan.peek() <= '9' && digits < 9; digits++, unit /= 10) {
    value += unit * (scan.peek() - '0');
    scan.Advance();
  }
  *one_minute = value;
  return digits > 0;
}

}  // namespace tripline
