#include "linux/parse/ppp.h"

namespace tripline {

bool NextPppoeDevice(Scanner* scan, Span* device) {
  // Id       Address              Device
  // 00000001 00:11:22:33:44:55     eth0
  while (!scan->done()) {
    const bool heading = scan->peek() == 'I';
    scan->Word();
    scan->Word();
    *device = scan->Word();
    scan->SkipLine();
    if (!heading && device->size > 0) return true;
  }
  return false;
}

uint32_t CountL2tpSessions(const char* data, size_t size) {
  // The heading begins with "  SESSION name, ...", each session with "  SESSION 'l2tp0' ...".
  uint32_t count = 0;
  for (Scanner scan(data, size); !scan.done(); scan.SkipLine()) {
    scan.SkipBlanks();
    if (scan.Match("SESSION '")) count++;
  }
  return count;
}

}  // namespace tripline
