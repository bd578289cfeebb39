#include "darwin/command_group.h"

#include <sys/mman.h>
#include <unistd.h>

#include "darwin/process_list.h"
#include "util/thread_annotations.h"

namespace tripline {

namespace {

// More commands than these at a time are counted by their descendants alone.
constexpr uint32_t kMostPublished = 64;

struct State {
  darwin::ProcessTree* tree = nullptr;
};

struct Published {
  int64_t root;
  const darwin::ProcessTree* tree;
};

// Held for a moment, and hardly ever by two. A mutex would be the only initialized data of the binary, a page of it.
class CAPABILITY("mutex") SpinLock {
 public:
  void Lock() ACQUIRE() {
    while (__atomic_test_and_set(&held_, __ATOMIC_ACQUIRE)) usleep(50);
  }
  void Unlock() RELEASE() { __atomic_clear(&held_, __ATOMIC_RELEASE); }

 private:
  bool held_ = false;
};

SpinLock published_lock;
Published published[kMostPublished] GUARDED_BY(published_lock);

class SCOPED_CAPABILITY Hold {
 public:
  Hold() ACQUIRE(published_lock) { published_lock.Lock(); }
  ~Hold() RELEASE() { published_lock.Unlock(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
};

}  // namespace

CommandGroup::CommandGroup() { os_.Make<State>(); }

bool CommandGroup::Make(uint64_t) {
  auto* tree = static_cast<darwin::ProcessTree*>(darwin::Reserve(sizeof(darwin::ProcessTree), true));
  os_.As<State>().tree = tree;
  return tree != nullptr;
}

void CommandGroup::Publish(int64_t root) {
  const Hold hold;
  for (Published& each : published) {
    if (each.tree != nullptr) continue;
    each = {root, os_.As<State>().tree};
    break;
  }
}

void CommandGroup::Release() {
  darwin::ProcessTree*& tree = os_.As<State>().tree;
  if (tree == nullptr) return;
  const Hold hold;
  for (Published& each : published) {
    if (each.tree == tree) each = {0, nullptr};
  }
  munmap(tree, sizeof(darwin::ProcessTree));
  tree = nullptr;
}

// The kernel of macOS holds no such group together.
bool CommandGroup::made() const { return false; }
const char* CommandGroup::path() const { return ""; }
bool CommandGroup::Enter() const { return false; }
bool CommandGroup::Kill() const { return false; }
bool CommandGroup::Remove() { return true; }

namespace darwin {

ProcessTree* TreeOf(CommandGroup* group) { return group->os().As<State>().tree; }

int32_t CopyMembers(int64_t root, Member* into, uint32_t room) {
  int32_t copied = -1;
  const Hold hold;
  for (const Published& each : published) {
    if (each.root != root || each.tree == nullptr) continue;
    copied = 0;
    const uint32_t count = each.tree->count();
    for (uint32_t i = 0; i < count && static_cast<uint32_t>(copied) < room; i++) {
      const Member member = (*each.tree)[i];
      if (ProcessTree::IsAlive(member)) into[copied++] = member;
    }
  }
  return copied;
}

}  // namespace darwin

}  // namespace tripline
