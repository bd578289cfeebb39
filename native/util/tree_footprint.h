// The memory of a process tree, with pages that several of its processes map counted once.
//
// The counters of each process are cheap, but count a shared page for every process. The exact figure needs a walk over
// the page tables of each process. This rule decides when it is needed: where pages may be shared, and after the tree
// has changed. Memory is in KiB, for which 32 bits are enough on a system of 32 bits.
#pragma once

namespace tripline {

struct MemberFootprint {
  long now;      // the process's own counters
  long faulted;  // the pages of its minor faults
};

class TreeFootprint {
 public:
  void Begin() { sum_ = faulted_ = inherited_ = shared_ = most_shared_ = 0; }

  // One living process. `faulted` is the memory of all its minor faults. More anonymous memory than that was inherited
  // from its parent by fork, and may be shared with it. A fault may also end the sharing of a page, which no counter of
  // memory shows.
  void Add(long anonymous, long shared, long faulted, MemberFootprint* member) {
    member->now = anonymous + shared;
    member->faulted = faulted;
    sum_ += member->now;
    faulted_ += faulted;
    shared_ += shared;
    if (shared > most_shared_) most_shared_ = shared;
    if (anonymous > faulted) inherited_ += anonymous - faulted;
  }

  // A process has ended: its part of shared pages is that of the others now. May be called again.
  void Leave(MemberFootprint* member) {
    left_ += member->now;
    exact_faulted_ -= member->faulted;
    member->now = member->faulted = 0;
  }

  // Whether an exact read is due: BeginExact(), then AddExact() for each process.
  bool IsDue() const {
    long change = sum_ > exact_sum_ ? sum_ - exact_sum_ : exact_sum_ - sum_;
    if (faulted_ - exact_faulted_ > change) change = faulted_ - exact_faulted_;
    return IsShared() && change + left_ > Tolerance(exact_);
  }

  void BeginExact() {
    exact_ = left_ = 0;
    exact_sum_ = sum_;
    exact_faulted_ = faulted_;
  }
  void AddExact(long size) { exact_ += size; }

  // Without an exact figure, which kernels before 4.14 do not have, shared pages stay counted for each process.
  long value() const {
    const long extra = exact_sum_ - exact_;
    return exact_ > 0 && extra > 0 && extra < sum_ && IsShared() ? sum_ - extra : sum_;
  }

 private:
  static long Tolerance(long size) { return size / 32 + 1000; }

  // Whether more than the tolerance may be counted several times.
  bool IsShared() const { return inherited_ + shared_ - most_shared_ > Tolerance(sum_); }

  long sum_ = 0, faulted_ = 0, inherited_ = 0, shared_ = 0, most_shared_ = 0;
  long left_ = 0;
  long exact_ = 0, exact_sum_ = 0, exact_faulted_ = 0;
};

}  // namespace tripline
