// Smooths the growth of a counter that advances late or in steps.
#pragma once

namespace tripline {

// A tick of CPU time appears within one millisecond but was used over ten, and a child that is found late has used its
// CPU time since it was born. Counted at once, either would be more than all CPUs can deliver.
class SteadyGrowth {
 public:
  void Add(double amount) { owed_ += amount; }

  // Returns the growth for an interval in which at most `most` was possible; the rest is returned by later calls.
  double Take(double most) {
    const double taken = owed_ < most ? owed_ : most;
    owed_ -= taken;
    return taken;
  }

  // Discards pending growth beyond `most`: no counter lags that far behind, so it must have jumped.
  void Limit(double most) {
    if (owed_ > most) owed_ = most;
  }

 private:
  double owed_ = 0;
};

}  // namespace tripline
