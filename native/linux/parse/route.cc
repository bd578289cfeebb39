#include "linux/parse/route.h"

namespace tripline {

bool NextRoute(Scanner* scan, Route* out) {
  // Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
  while (!scan->done()) {
    out->interface = scan->Word();
    for (int skipped = 0; skipped < 6; skipped++) scan->Word();
    const Span mask = scan->Word();
    scan->SkipLine();
    out->is_default = mask.Is("00000000");
    out->to_one_host = mask.Is("FFFFFFFF");
    if (mask.size == 8) return true;
  }
  return false;
}

}  // namespace tripline
