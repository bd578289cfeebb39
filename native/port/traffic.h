// Sums over interfaces of bytes received and sent, errors and drops, from which the rates of network.* are computed.
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

  // The interface with this number, a new one where the last round had none; valid until the next call. Allocates only
  // while the number of interfaces grows.
  Interface* Find(uint64_t id) {
    // Start behind the last hit: interfaces come in the same order in each round.
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

  // Ends a round, after all counters of `now` have been added. An interface that did not occur in it is forgotten; what
  // it had counted stays in the sums.
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

  // Reports the result of the last round again.
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
  Totals gone_;  // of forgotten interfaces
  ElapsedTime elapsed_;
};

}  // namespace tripline
