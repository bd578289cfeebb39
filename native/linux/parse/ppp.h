// Sessions of PPP over other interfaces: /proc/net/pppoe and /proc/net/pppol2tp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linux/parse/scan.h"

namespace tripline {

// The interface below the next session of /proc/net/pppoe.
bool NextPppoeDevice(Scanner* scan, Span* device);

// How many sessions /proc/net/pppol2tp lists.
uint32_t CountL2tpSessions(const char* data, size_t size);

}  // namespace tripline
