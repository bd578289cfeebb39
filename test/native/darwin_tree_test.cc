// Which processes belong to a command on macOS, for made-up process lists.
#include "darwin/process_tree.h"

#include <cstdlib>
#include <initializer_list>

#include "check.h"

using namespace tripline::darwin;

namespace {

constexpr int32_t kSupervisor = 100;
constexpr int32_t kLaunchd = 1;

// A machine whose processes the test starts, moves and ends. Ids count up, as the kernel's do.
class Machine {
 public:
  explicit Machine(bool tells_ids = true, bool by_group = true) : tells_ids_(tells_ids) {
    tree_ = static_cast<ProcessTree*>(calloc(1, sizeof(ProcessTree)));
    Add(kLaunchd, 0, 1);
    Add(50, kLaunchd, 50);  // a user's shell
    Add(60, 50, 60);        // the host
    const uint64_t id = Add(kSupervisor, 60, kSupervisor);
    tree_->SetRoot(kSupervisor, id, by_group);
  }
  ~Machine() { free(tree_); }

  uint64_t Add(int32_t pid, int32_t parent, int32_t group, const char* marker = "") {
    Process* one = &all_[count_++];
    *one = Process();
    one->pid = pid;
    one->parent = parent;
    one->group = group;
    one->id = ++last_;
    const Process* maker = Find(parent);
    one->parent_id = tells_ids_ && maker != nullptr ? maker->id : 0;
    marked_[count_ - 1] = marker[0] != '\0';
    return one->id;
  }
  Process* Find(int32_t pid) {
    for (uint32_t i = 0; i < count_; i++) {
      if (all_[i].pid == pid) return &all_[i];
    }
    return nullptr;
  }
  // Ends a process. Its children become children of process 1.
  void End(int32_t pid) {
    const auto place = static_cast<uint32_t>(Find(pid) - all_);
    for (uint32_t i = 0; i < count_; i++) {
      if (all_[i].parent == pid) all_[i].parent = kLaunchd;
    }
    count_--;
    all_[place] = all_[count_];
    marked_[place] = marked_[count_];
  }

  // The list as the supervisor reads it, in ascending or descending order of the process ids.
  uint32_t Scan(bool backwards = false) {
    uint32_t size = 0;
    const uint64_t first = Find(kLaunchd)->id;
    for (uint32_t i = 0; i < count_; i++) {
      const uint32_t place = backwards ? count_ - 1 - i : i;
      if (all_[place].pid == kSupervisor) continue;
      list_[size] = all_[place];
      list_[size].marked = marked_[place] && tree_->IsStray(all_[place], first);
      size++;
    }
    tree_->Update(list_, size);
    uint32_t alive = 0;
    for (uint32_t i = 0; i < tree_->count(); i++) alive += ProcessTree::IsAlive((*tree_)[i]) ? 1 : 0;
    return alive;
  }
  bool Has(int32_t pid) const {
    for (uint32_t i = 0; i < tree_->count(); i++) {
      if ((*tree_)[i].pid == pid && ProcessTree::IsAlive((*tree_)[i])) return true;
    }
    return false;
  }
  ProcessTree* tree() { return tree_; }

 private:
  const bool tells_ids_;
  ProcessTree* tree_;
  Process all_[64];
  Process list_[64];
  bool marked_[64] = {};
  uint32_t count_ = 0;
  uint64_t last_ = 1000;
};

}  // namespace

TEST(DarwinTreeIsAllThatDescends) {
  for (const bool backwards : {false, true}) {
    for (const bool tells_ids : {false, true}) {
      Machine machine(tells_ids);
      machine.Add(110, kSupervisor, 110);
      machine.Add(111, 110, 110);
      machine.Add(112, 111, 112);
      machine.Add(200, 50, 200);  // another user's
      CHECK_EQ(machine.Scan(backwards), 3u);
      CHECK(machine.Has(110) && machine.Has(111) && machine.Has(112));
      CHECK(!machine.Has(kSupervisor) && !machine.Has(60) && !machine.Has(200) && !machine.Has(kLaunchd));
    }
  }
}

TEST(DarwinTreeKeepsMembersWhateverTheirParentsBecome) {
  for (const bool tells_ids : {false, true}) {
    Machine machine(tells_ids);
    machine.Add(110, kSupervisor, 110);
    machine.Add(111, 110, 110);
    CHECK_EQ(machine.Scan(), 2u);
    machine.End(110);
    machine.Find(111)->group = 111;  // setsid
    for (int i = 0; i < 5; i++) CHECK_EQ(machine.Scan(), 1u);
    machine.Add(112, 111, 111);
    CHECK_EQ(machine.Scan(), 2u);
    machine.End(111);
    machine.End(112);
    CHECK_EQ(machine.Scan(), 0u);
  }
}

TEST(DarwinTreeFindsTheChildOfOneThatHasEndedSinceTheLastScan) {
  Machine machine;
  machine.Add(110, kSupervisor, 110);
  CHECK_EQ(machine.Scan(), 1u);
  // Between two scans, the process is started, creates its own session and becomes an orphan.
  machine.Add(111, 110, 111);
  machine.End(110);
  CHECK_EQ(machine.Scan(), 1u);
  CHECK(machine.Has(111));
}

TEST(DarwinTreeFindsADoubleForkByTheZombieInBetween) {
  Machine machine;
  machine.Add(110, kSupervisor, 110);
  CHECK_EQ(machine.Scan(), 1u);
  machine.Add(111, 110, 111);
  machine.Add(112, 111, 111);
  machine.Find(112)->parent = kLaunchd;
  machine.Find(111)->state = 'Z';
  CHECK_EQ(machine.Scan(), 2u);
  CHECK(machine.Has(112) && !machine.Has(111));
  machine.End(111);
  CHECK_EQ(machine.Scan(), 2u);
}

TEST(DarwinTreeFindsADoubleForkByItsProcessGroup) {
  Machine machine;
  machine.Add(110, kSupervisor, 110);
  CHECK_EQ(machine.Scan(), 1u);
  machine.Add(111, 110, 110);
  machine.Add(112, 111, 110);
  machine.End(111);
  CHECK_EQ(machine.Scan(), 2u);
  CHECK(machine.Has(112));
}

TEST(DarwinTreeKeepsAGroupWhoseLeaderIsGone) {
  Machine machine;
  machine.Add(110, kSupervisor, 110);
  machine.Add(111, 110, 111);
  machine.Add(112, 111, 111);
  CHECK_EQ(machine.Scan(), 3u);
  machine.End(111);
  for (int i = 0; i < 5; i++) CHECK_EQ(machine.Scan(), 2u);
  // Its parent was never seen.
  machine.Add(113, 112, 111);
  machine.Add(114, 113, 111);
  machine.End(113);
  CHECK_EQ(machine.Scan(), 3u);
  CHECK(machine.Has(114));
}

TEST(DarwinTreeFindsADoubleForkByItsMarker) {
  for (const bool tells_ids : {false, true}) {
    Machine machine(tells_ids);
    machine.Add(110, kSupervisor, 110);
    CHECK_EQ(machine.Scan(), 1u);
    machine.Add(111, 110, 111, "marked");
    machine.Add(112, 111, 111, "marked");
    machine.Add(113, 112, 113);  // has cleared its environment
    machine.End(111);
    CHECK_EQ(machine.Scan(), 3u);
    CHECK(machine.Has(112) && machine.Has(113));
  }
}

TEST(DarwinTreeLosesADoubleForkThatWasNotSeenAndHidesItsEnvironment) {
  // The one known hole, tested so that the documentation stays true.
  Machine machine;
  machine.Add(110, kSupervisor, 110);
  CHECK_EQ(machine.Scan(), 1u);
  machine.Add(111, 110, 111);
  machine.Add(112, 111, 111);
  machine.End(111);
  CHECK_EQ(machine.Scan(), 1u);
  CHECK(!machine.Has(112));
}

TEST(DarwinTreeLeavesStrangersAlone) {
  Machine machine;
  machine.Add(110, kSupervisor, 110);
  // A process that process 1 has started happens to have the marker. Its environment is not read.
  machine.Add(120, kLaunchd, 120, "marked");
  // An orphan of a process outside the tree.
  machine.Add(130, 50, 130);
  machine.Add(131, 130, 130);
  machine.End(130);
  CHECK_EQ(machine.Scan(), 1u);
  CHECK(machine.tree()->IsStray(*machine.Find(131), machine.Find(kLaunchd)->id));
  CHECK(!machine.tree()->IsStray(*machine.Find(120), machine.Find(kLaunchd)->id));
  // A debugger in the tree becomes the parent of the process that it debugs.
  machine.Find(131)->parent = 110;
  CHECK_EQ(machine.Scan(), 1u);
  CHECK(!machine.Has(131));
}

TEST(DarwinTreeIsNotTheHostsProcessGroup) {
  Machine machine;
  // On a terminal, the command stays in the host's process group, with the rest of the pipeline.
  machine.Add(110, kSupervisor, 60);
  machine.Add(140, 50, 60);
  CHECK_EQ(machine.Scan(), 1u);
  CHECK(!machine.Has(140) && !machine.Has(60));
  // A member that moves into a foreign group does not make the others in that group members.
  machine.Add(150, 50, 150);
  machine.Add(111, 110, 150);
  machine.Add(151, 50, 150);
  CHECK_EQ(machine.Scan(), 2u);
  CHECK(!machine.Has(150) && !machine.Has(151));
}

TEST(DarwinTreeOfAnyProcessHasNoGroups) {
  Machine machine(true, false);
  machine.Add(110, kSupervisor, 110);
  machine.Add(160, 50, 110);
  CHECK_EQ(machine.Scan(), 1u);
}

TEST(DarwinTreeSeesThatANumberIsUsedAgain) {
  for (const bool tells_ids : {false, true}) {
    Machine machine(tells_ids);
    machine.Add(110, kSupervisor, 110);
    machine.Add(111, 110, 111);
    CHECK_EQ(machine.Scan(), 2u);
    machine.End(111);
    machine.Add(111, 50, 111);  // a stranger
    machine.Add(170, 111, 170);
    CHECK_EQ(machine.Scan(), 1u);
    CHECK(!machine.Has(111) && !machine.Has(170));
    for (int i = 0; i < 5; i++) CHECK_EQ(machine.Scan(), 1u);
    // A process that has been gone for several scans is forgotten.
    CHECK_EQ(machine.tree()->count(), 1u);
  }
}

TEST(DarwinTreeIsNoOlderThanItsRoot) {
  Machine machine(false);
  // Its parent is the root's pid, but it was started before the root.
  machine.Find(50)->parent = kSupervisor;
  machine.Find(60)->parent = kSupervisor;
  CHECK_EQ(machine.Scan(), 0u);
}

TEST(DarwinTreeKnowsStoppedMembersAndForgetsNothingOfThem) {
  Machine machine;
  machine.Add(110, kSupervisor, 110);
  CHECK_EQ(machine.Scan(), 1u);
  (*machine.tree())[0].signaled = true;
  machine.Find(110)->state = 'T';
  CHECK_EQ(machine.Scan(), 1u);
  CHECK_EQ((*machine.tree())[0].state, 'T');
  CHECK((*machine.tree())[0].signaled);
}

TEST(DarwinMarkerIsSearchedForInTheEnvironmentOnly) {
  // The block holds the number of arguments (2), the path of the program, padding, the arguments and the environment.
  const char block[] = "\x02\0\0\0/bin/tool\0\0\0\0tool\0with=run.1\0PATH=/bin\0TRIPLINE_RUN=a:run.2\0\0";
  CHECK(HasMarker(block, sizeof(block), "run.2"));
  CHECK(!HasMarker(block, sizeof(block), "run.1"));
  CHECK(!HasMarker(block, sizeof(block), "run.3"));
  for (size_t size = 0; size < sizeof(block) - 3; size++) CHECK(!HasMarker(block, size, "run.2\0"));
  // The block is truncated or empty.
  CHECK(!HasMarker("\xff\xff\xff\x7f", 4, "run"));
  CHECK(!HasMarker("", 0, "run"));
}
