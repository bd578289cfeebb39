// The counter of a process that takes in those of its children when it waits for them, as the growth of a tree.
#pragma once

namespace tripline {

// One member's. What had been counted of a child before it ended must not count a second time when the parent takes it
// in. A child that is never waited for leaves what was counted.
class InheritingCounter {
 public:
  // Reads once per pass over the tree. `fresh`: all of it is growth when it is read for the first time.
  void Read(double now, bool fresh) {
    if (known_ ? now > counted_ : fresh) grown_ += now - counted_;
    counted_ = now;
    known_ = true;
  }

  // A member below this one has ended.
  void Inherit(const InheritingCounter& ended) { handed_ += ended.counted_; }

  // The growth of this pass. `waited`: whether it has waited for a child since the last one. A child may be found gone
  // in the pass before that, so what it leaves is kept for one more.
  double Settle(bool waited) {
    const double taken_in = waited ? handed_ + kept_ : 0;
    const double growth = grown_ > taken_in ? grown_ - taken_in : 0;
    kept_ = waited ? 0 : handed_;
    handed_ = 0;
    grown_ = 0;
    return growth;
  }

 private:
  bool known_ = false;
  double counted_ = 0;
  double grown_ = 0;
  double handed_ = 0;
  double kept_ = 0;
};

}  // namespace tripline
