// The process tree that the supervisor and the process that started it share, and the table by which probes find it.
#include "darwin/command_group.h"

#include <sys/mman.h>

#include "darwin/process_list.h"
#include "port/command_table.h"

namespace tripline {

namespace {

struct State {
  darwin::ProcessTree* tree = nullptr;
  int64_t root = 0;  // the key under which it is published
};

// Groups by the process id of their supervisor. If a command's group is not in the table, its tree is found by parents
// alone.
CommandTable<const darwin::ProcessTree*>* Published() {
  static auto* const published = new CommandTable<const darwin::ProcessTree*>();
  return published;
}

}  // namespace

CommandGroup::CommandGroup() { os_.Make<State>(); }

bool CommandGroup::Make(uint64_t, const char*) {
  auto* tree = static_cast<darwin::ProcessTree*>(darwin::Reserve(sizeof(darwin::ProcessTree), true));
  os_.As<State>().tree = tree;
  return tree != nullptr;
}

void CommandGroup::Publish(int64_t root) {
  State& state = os_.As<State>();
  state.root = root;
  Published()->Add(root, state.tree);
}

void CommandGroup::Release() {
  State& state = os_.As<State>();
  if (state.tree == nullptr) return;
  if (state.root != 0) Published()->Remove(state.root);
  munmap(state.tree, sizeof(darwin::ProcessTree));
  state = State();
}

// macOS has no kernel object that holds a group of processes together.
bool CommandGroup::made() const { return false; }
const char* CommandGroup::path() const { return ""; }
bool CommandGroup::Enter() const { return false; }
bool CommandGroup::Kill() const { return false; }
bool CommandGroup::Remove() { return true; }

namespace darwin {

ProcessTree* TreeOf(CommandGroup* group) { return group->os().As<State>().tree; }

int32_t CopyMembers(int64_t root, Member* into, uint32_t room) {
  int32_t copied = -1;
  Published()->With(root, [&copied, into, room](const ProcessTree* tree) {
    copied = 0;
    const uint32_t count = tree->count();
    for (uint32_t i = 0; i < count && static_cast<uint32_t>(copied) < room; i++) {
      const Member member = (*tree)[i];
      if (ProcessTree::IsAlive(member)) into[copied++] = member;
    }
  });
  return copied;
}

}  // namespace darwin

}  // namespace tripline
