// The growth of a process tree in a counter that a process inherits from its children when it waits for them.
#pragma once

namespace tripline {

// The counter of one member. What was counted of a child while it ran must not count a second time when the parent
// inherits it. If a child is never waited for, what was counted of it stays.
class InheritingCounter {
 public:
  // Called once per pass over the tree. `fresh`: the whole first value counts as growth.
  void Read(double now, bool fresh) {
    if (known_ ? now > counted_ : fresh) grown_ += now - counted_;
    counted_ = now;
    known_ = true;
  }

  // Called when a descendant of this member has ended.
  void Inherit(const InheritingCounter& ended) { handed_ += ended.counted_; }

  // The growth of this pass. `waited`: whether the member has waited for a child since the last pass. The end of a
  // child may be noticed one pass earlier, so what it leaves is kept for one more pass.
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
