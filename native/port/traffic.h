// What interfaces have received and sent, as the two sums that network.rx and network.tx are rates of.
#pragma once

#include <cstdint>

#include "port/probe.h"
#include "util/counter.h"

namespace tripline {

class Traffic {
 public:
  struct Interface {
    uint64_t id = 0;
    GrowingSum received, sent;
  };

  // That of this number, new where it was not seen before; nullptr where there is no room for it. What one has had that
  // is no longer there stays in the sums.
  Interface* Find(uint64_t id) {
    for (uint32_t i = 0; i < count_; i++) {
      if (known_[i].id == id) return &known_[i];
    }
    if (count_ == kMost) return nullptr;
    known_[count_].id = id;
    return &known_[count_++];
  }

  // Once all counters of `now` have been added.
  void Tell(uint64_t now, Readings* out) {
    if (at_ != 0 && now > at_) seconds_ += static_cast<double>(now - at_) / 1e9;
    at_ = now;
    double received = 0, sent = 0;
    for (uint32_t i = 0; i < count_; i++) {
      received += known_[i].received.sum();
      sent += known_[i].sent.sum();
    }
    SetPair(Metric::kNetworkRx, received, seconds_, out);
    SetPair(Metric::kNetworkTx, sent, seconds_, out);
  }

 private:
  static constexpr uint32_t kMost = 32;

  Interface known_[kMost];
  uint32_t count_ = 0;
  uint64_t at_ = 0;
  double seconds_ = 0;
};

}  // namespace tripline
