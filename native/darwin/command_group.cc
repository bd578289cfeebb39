#include "darwin/command_group.h"

#include <sys/mman.h>
#include <unistd.h>

#include "darwin/process_list.h"

namespace tripline {

namespace {

// More commands than these at a time are counted by their descendants alone.
constexpr uint32_t kMostPublished = 64;
struct Published {
  int64_t root;
  const darwin::ProcessTree* family;
} published[kMostPublished];

// Held for a moment, and hardly ever by two: a mutex would be the only initialized data of the binary, a page of it.
bool held;

class Hold {
 public:
  Hold() {
    while (__atomic_test_and_set(&held, __ATOMIC_ACQUIRE)) usleep(50);
  }
  ~Hold() { __atomic_clear(&held, __ATOMIC_RELEASE); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
};

}  // namespace

bool CommandGroup::Make(uint64_t) {
  tree_ = static_cast<darwin::ProcessTree*>(darwin::Reserve(sizeof(darwin::ProcessTree), true));
  return tree_ != nullptr;
}

void CommandGroup::Publish(int64_t root) {
  const Hold hold;
  for (uint32_t i = 0; i < kMostPublished; i++) {
    if (published[i].family != nullptr) continue;
    published[i] = {root, tree_};
    break;
  }
}

void CommandGroup::Release() {
  if (tree_ == nullptr) return;
  const Hold hold;
  for (Published& each : published) {
    if (each.family == tree_) each = {0, nullptr};
  }
  munmap(tree_, sizeof(darwin::ProcessTree));
  tree_ = nullptr;
}

int32_t CommandGroup::CopyMembers(int64_t root, darwin::Member* into, uint32_t room) {
  int32_t copied = -1;
  const Hold hold;
  for (const Published& each : published) {
    if (each.root != root || each.family == nullptr) continue;
    copied = 0;
    const uint32_t count = each.family->count();
    for (uint32_t i = 0; i < count && static_cast<uint32_t>(copied) < room; i++) {
      const darwin::Member member = (*each.family)[i];
      if (darwin::ProcessTree::IsAlive(member)) into[copied++] = member;
    }
  }
  return copied;
}

}  // namespace tripline
