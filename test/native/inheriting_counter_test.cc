// Figures of a process tree that a parent inherits from its children: each counts once.
#include "util/inheriting_counter.h"

#include "check.h"

namespace tripline {
namespace {

TEST(InheritingCounterOfAChildThatIsWaitedFor) {
  InheritingCounter parent, child;
  parent.Read(1000, false);
  CHECK_NEAR(parent.Settle(false), 0, 1e-9);
  child.Read(300, true);
  CHECK_NEAR(child.Settle(false), 300, 1e-9);
  // The parent inherits all 350 of the child and has used 20 of its own.
  parent.Read(1370, false);
  parent.Inherit(child);
  CHECK_NEAR(parent.Settle(true), 70, 1e-9);
}

TEST(InheritingCounterOfAChildThatIsFoundGoneFirst) {
  InheritingCounter parent, child;
  parent.Read(0, false);
  child.Read(300, true);
  child.Settle(false);
  parent.Read(0, false);
  parent.Settle(false);
  // The parent was read just before it waited for the child.
  parent.Read(5, false);
  parent.Inherit(child);
  CHECK_NEAR(parent.Settle(false), 5, 1e-9);
  parent.Read(305, false);
  CHECK_NEAR(parent.Settle(true), 0, 1e-9);
}

TEST(InheritingCounterOfAChildThatIsNeverWaitedFor) {
  InheritingCounter parent, child;
  parent.Read(0, false);
  child.Read(300, true);
  child.Settle(false);
  parent.Read(500, false);
  parent.Inherit(child);
  CHECK_NEAR(parent.Settle(false), 500, 1e-9);
  parent.Read(600, false);
  CHECK_NEAR(parent.Settle(false), 100, 1e-9);
  // What this child left is not subtracted from the next child that is waited for.
  parent.Read(700, false);
  CHECK_NEAR(parent.Settle(true), 100, 1e-9);
}

}  // namespace
}  // namespace tripline
