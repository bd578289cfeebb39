// When pages that several processes share are counted exactly.
#include "util/tree_footprint.h"

#include "check.h"

namespace tripline {
namespace {

constexpr long kMiB = 1024;

TEST(TreeWithoutSharingIsNeverReadExactly) {
  TreeFootprint tree;
  MemberFootprint a{}, b{};
  tree.Begin();
  tree.Add(500 * kMiB, 0, 510 * kMiB, &a);
  tree.Add(300 * kMiB, 0, 300 * kMiB, &b);
  CHECK(!tree.IsDue());
  CHECK_EQ(tree.value(), 800 * kMiB);
  // One process alone shares with no other.
  tree.Begin();
  tree.Add(0, 400 * kMiB, 400 * kMiB, &a);
  CHECK(!tree.IsDue());
  CHECK_EQ(tree.value(), 400 * kMiB);
}

TEST(ForkedTreeCountsInheritedPagesOnce) {
  TreeFootprint tree;
  MemberFootprint parent{}, child{};
  tree.Begin();
  tree.Add(300 * kMiB, 0, 300 * kMiB, &parent);
  tree.Add(300 * kMiB, 0, 1 * kMiB, &child);
  CHECK(tree.IsDue());
  tree.BeginExact();
  tree.AddExact(151 * kMiB);
  tree.AddExact(151 * kMiB);
  CHECK_EQ(tree.value(), 302 * kMiB);
  // Nothing has changed.
  tree.Begin();
  tree.Add(300 * kMiB, 0, 300 * kMiB, &parent);
  tree.Add(300 * kMiB, 0, 1 * kMiB, &child);
  CHECK(!tree.IsDue());
  CHECK_EQ(tree.value(), 302 * kMiB);
  // Little growth is added to the exact figure.
  tree.Begin();
  tree.Add(305 * kMiB, 0, 305 * kMiB, &parent);
  tree.Add(300 * kMiB, 0, 1 * kMiB, &child);
  CHECK(!tree.IsDue());
  CHECK_EQ(tree.value(), 307 * kMiB);
  // The child writes to pages of its parent: only its faults show it.
  tree.Begin();
  tree.Add(305 * kMiB, 0, 305 * kMiB, &parent);
  tree.Add(300 * kMiB, 0, 101 * kMiB, &child);
  CHECK(tree.IsDue());
  tree.BeginExact();
  tree.AddExact(205 * kMiB);
  tree.AddExact(200 * kMiB);
  CHECK_EQ(tree.value(), 405 * kMiB);
  // A process that ends takes its share of the pages to the others.
  tree.Leave(&child);
  tree.Leave(&child);
  tree.Begin();
  tree.Add(305 * kMiB, 0, 305 * kMiB, &parent);
  CHECK_EQ(tree.value(), 305 * kMiB);
}

TEST(SharedMemoryOfSeveralProcessesIsReadExactly) {
  TreeFootprint tree;
  MemberFootprint a{}, b{};
  tree.Begin();
  tree.Add(0, 300 * kMiB, 300 * kMiB, &a);
  tree.Add(0, 300 * kMiB, 300 * kMiB, &b);
  CHECK(tree.IsDue());
  tree.BeginExact();
  tree.AddExact(150 * kMiB);
  tree.AddExact(150 * kMiB);
  CHECK_EQ(tree.value(), 300 * kMiB);
}

}  // namespace
}  // namespace tripline
