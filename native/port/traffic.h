// What interfaces have received and sent, as the two sums that network.rx and network.tx are rates of.
#pragma once

#include <cstdint>

#include "port/probe.h"
#include "util/counter.h"
#include "util/list.h"

namespace tripline {

class Traffic {
 public:
  struct Interface {
    uint64_t id = 0;
    bool seen = false;
    GrowingSum received, sent;
  };

  // The interface of this number, new where the last round had none; valid until the next call. As many as there are:
  // memory is only taken while their number grows.
  Interface* Find(uint64_t id) {
    // From where the last one was: they come in the same order in each round.
    for (size_t i = 0; i < known_.size(); i++) {
      if (next_ >= known_.size()) next_ = 0;
      Interface& each = known_[next_++];
      if (each.id == id) return See(&each);
    }
    known_.push_back(Interface());
    known_.back().id = id;
    next_ = known_.size();
    return See(&known_.back());
  }

  // Ends a round, once all counters of `now` have been added. An interface that was not found in it is forgotten, and
  // what it has had stays in the sums.
  void Report(uint64_t now, Readings* out) {
    elapsed_.Add(now);
    received_ = gone_received_;
    sent_ = gone_sent_;
    for (size_t i = known_.size(); i-- > 0;) {
      Interface& each = known_[i];
      received_ += each.received.sum();
      sent_ += each.sent.sum();
      if (!each.seen) {
        gone_received_ += each.received.sum();
        gone_sent_ += each.sent.sum();
        known_.erase(&each);
        continue;
      }
      each.seen = false;
    }
    ReportAgain(out);
  }

  // What the last round came to.
  void ReportAgain(Readings* out) const {
    SetPair(Metric::kNetworkRx, received_, elapsed_.seconds(), out);
    SetPair(Metric::kNetworkTx, sent_, elapsed_.seconds(), out);
  }

 private:
  static Interface* See(Interface* interface) {
    interface->seen = true;
    return interface;
  }

  List<Interface> known_;
  size_t next_ = 0;
  double received_ = 0, sent_ = 0;
  double gone_received_ = 0, gone_sent_ = 0;  // by interfaces that are forgotten
  ElapsedTime elapsed_;
};

}  // namespace tripline
