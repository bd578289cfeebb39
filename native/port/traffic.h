// What interfaces have received, sent, damaged and dropped, as the sums that network.* are rates of.
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
    GrowingSum received, sent, errors, drops;
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
    now_ = gone_;
    for (size_t i = known_.size(); i-- > 0;) {
      Interface& each = known_[i];
      now_.Add(each);
      if (!each.seen) {
        gone_.Add(each);
        known_.erase(&each);
        continue;
      }
      each.seen = false;
    }
    ReportAgain(out);
  }

  // What the last round came to.
  void ReportAgain(Readings* out) const {
    SetPair(Metric::kNetworkRx, now_.received, elapsed_.seconds(), out);
    SetPair(Metric::kNetworkTx, now_.sent, elapsed_.seconds(), out);
    SetPair(Metric::kNetworkErrors, now_.errors, elapsed_.seconds(), out);
    SetPair(Metric::kNetworkDrops, now_.drops, elapsed_.seconds(), out);
  }

 private:
  struct Totals {
    double received = 0, sent = 0, errors = 0, drops = 0;

    void Add(const Interface& interface) {
      received += interface.received.sum();
      sent += interface.sent.sum();
      errors += interface.errors.sum();
      drops += interface.drops.sum();
    }
  };

  static Interface* See(Interface* interface) {
    interface->seen = true;
    return interface;
  }

  List<Interface> known_;
  size_t next_ = 0;
  Totals now_;
  Totals gone_;  // of interfaces that are forgotten
  ElapsedTime elapsed_;
};

}  // namespace tripline
