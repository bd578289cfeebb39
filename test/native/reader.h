// Reads a probe at simulated times.
#pragma once

#include <cstring>
#include <memory>

#include "check.h"
#include "port/platform.h"
#include "port/probe.h"

namespace tripline::test {

// Starts well above 0 and continues from test to test, because the cached pressure files do so too.
inline uint64_t now = 1000 * kSecond;

// Selects a disk, an interface, a sensor and so on.
inline Selector Named(const char* name) {
  Selector selector;
  selector.name = name;
  return selector;
}

inline Selector OfProcess(int64_t pid, bool tree = false) {
  Selector selector;
  selector.pid = pid;
  selector.tree = tree;
  return selector;
}

struct Reader {
  std::unique_ptr<Probe> probe;
  Readings readings;
  Failure failure;

  explicit Reader(Metric metric, const Selector& selector = Selector()) {
    probe.reset(MakeProbe(InfoOf(metric).family, selector, &failure));
  }

  const Reading& Read(Metric metric) {
    readings = Readings();
    probe->Read(now, MaskOf(metric), &readings);
    return readings[metric];
  }
  double Level(Metric metric) {
    const Reading& reading = Read(metric);
    CHECK_EQ(reading.state, Reading::kKnown);
    return reading.level;
  }
  const char* Why(Metric metric) {
    CHECK_EQ(Read(metric).state, Reading::kUnavailable);
    return readings.failure.text;
  }
  bool WhyHas(Metric metric, const char* part) { return strstr(Why(metric), part) != nullptr; }
};

// The largest quotient of two readings' growth, as the sampler computes it.
inline double Quotient(const Reading& from, const Reading& to) {
  double largest = -1;
  for (uint32_t i = 0; i < to.parts; i++) {
    const double den = to.den[i] - from.den[i];
    if (den <= 0) continue;
    const double quotient = (to.num[i] - from.num[i]) / den;
    if (quotient > largest) largest = quotient;
  }
  return largest;
}

// The index of the part with that quotient.
inline uint32_t LargestPart(const Reading& from, const Reading& to) {
  uint32_t part = 0;
  double largest = -1;
  for (uint32_t i = 0; i < to.parts; i++) {
    const double den = to.den[i] - from.den[i];
    const double quotient = den > 0 ? (to.num[i] - from.num[i]) / den : -1;
    if (quotient <= largest) continue;
    largest = quotient;
    part = i;
  }
  return part;
}

inline bool EndsWith(const char* text, const char* end) {
  const size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

}  // namespace tripline::test
