// Growth that a counter shows late or in steps, made as steady as it must have been.
#pragma once

namespace tripline {

// A tick of CPU time that is counted within a millisecond was used over ten, and a child that is found late has used
// what it brings along since it was born: taken at once, either would be more CPUs than there are.
class SteadyGrowth {
 public:
  void Add(double amount) { owed_ += amount; }

  // The part that belongs to a time in which at most `most` could come about; the rest is handed out later.
  double Take(double most) {
    const double taken = owed_ < most ? owed_ : most;
    owed_ -= taken;
    return taken;
  }

  // Forgets what is more than that: no counter is so late, so it has leapt.
  void Limit(double most) {
    if (owed_ > most) owed_ = most;
  }

 private:
  double owed_ = 0;
};

}  // namespace tripline
