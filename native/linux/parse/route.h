// /proc/net/route.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

struct Route {
  Span interface;
  bool is_default = false;
  bool to_one_host = false;
};

// The next route of an interface; the heading is skipped.
bool NextRoute(Scanner* scan, Route* out);

}  // namespace tripline
