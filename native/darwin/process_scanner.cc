// Finds the processes of a command on macOS: kqueue reports that processes forked or ended, and a scan of the process
// list finds out which.
#include "port/process_scanner.h"

#include <signal.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>

#include "darwin/command_group.h"
#include "darwin/process_list.h"
#include "port/platform.h"
#include "port/spawn.h"
#include "posix/bare.h"

namespace tripline {

namespace {

using ProcessEntry = ProcessScanner::ProcessEntry;

// However fast processes fork, scanning takes at most 1/kShare of a core on average. Time saved while nothing happens
// may be spent at once.
constexpr uint64_t kShare = 20;
constexpr uint64_t kQuiet = 2 * kSecond;
// During exec a process has no readable environment: search again after this.
constexpr useconds_t kExecMicroseconds = 2000;
// One more scan this long after the last event, for processes that were within exec for longer.
constexpr uint64_t kSettled = 50 * kMillisecond;

struct Found {
  ProcessEntry entry;
  uint32_t place;  // index in the tree
};
constexpr size_t kFoundSize = darwin::ProcessTree::kMost * sizeof(Found);

struct State {
  darwin::ProcessList list;
  darwin::ProcessTree* tree = nullptr;
  Found* found = nullptr;
  uint32_t count = 0;
  bare::Line marker;
  int queue = -1;
  bool blind = false;
  bool due = false;  // a scan is due as soon as the share of time allows it
  uint64_t scan_at = 0;
  uint64_t again_at = kNever;
};

void Watch(State* state, darwin::Member* member) {
  struct kevent both;
  EV_SET(&both, static_cast<uintptr_t>(member->pid), EVFILT_PROC, EV_ADD | EV_CLEAR, NOTE_FORK | NOTE_EXIT, 0, nullptr);
  member->watched = kevent(state->queue, &both, 1, nullptr, 0, nullptr) == 0;
  // Events between the scan and now were not reported, so scan again.
  state->due = true;
}

// Scans the process list. Without a `marker`, an orphan is found only through its known parents. `all`: searches the
// environment of every process that could belong to the tree, not only of orphans.
uint32_t Scan(State* state, const char* marker, bool all) {
  const uint64_t begun = bare::Now();
  darwin::ProcessTree& tree = *state->tree;
  tree.Update(state->list.get(), state->list.Read(tree, marker, all));
  state->due = false;
  state->count = 0;
  for (uint32_t i = 0; i < tree.count(); i++) {
    darwin::Member& member = tree[i];
    if (!darwin::ProcessTree::IsAlive(member)) continue;
    state->found[state->count++] = {{member.pid, member.state, member.id}, i};
    if (state->queue >= 0 && !member.watched) Watch(state, &member);
  }
  const uint64_t now = bare::Now();
  if (state->scan_at + kQuiet < now) state->scan_at = now - kQuiet;
  state->scan_at += (now - begun) * kShare;
  return state->count;
}

}  // namespace

ProcessScanner::ProcessScanner() { os_.Make<State>(); }

ProcessScanner::~ProcessScanner() {
  State& state = os_.As<State>();
  state.list.Close();
  if (state.found != nullptr) munmap(state.found, kFoundSize);
  if (state.queue >= 0) close(state.queue);
}

bool ProcessScanner::Open() {
  State& state = os_.As<State>();
  state.found = static_cast<Found*>(darwin::Reserve(kFoundSize, false));
  return state.found != nullptr && state.list.Open();
}

// Orphans become children of process 1, so every member is watched and remembered in the group.
bool ProcessScanner::Follow(CommandGroup* group, int32_t root, const char* marker) {
  State& state = os_.As<State>();
  state.tree = darwin::TreeOf(group);
  darwin::Process self;
  darwin::Process first;
  // In a sandbox, a process can see only itself.
  state.blind = !darwin::ReadProcess(1, &first) || !darwin::ReadProcess(root, &self);
  state.queue = kqueue();
  if (state.tree == nullptr || state.queue < 0) return false;
  state.tree->SetRoot(root, self.id, true);
  state.marker.Add(marker);
  state.due = true;
  struct kevent child;
  EV_SET(&child, SIGCHLD, EVFILT_SIGNAL, EV_ADD, 0, 0, nullptr);
  return kevent(state.queue, &child, 1, nullptr, 0, nullptr) == 0;
}

int ProcessScanner::handle() const { return os_.As<State>().queue; }

uint64_t ProcessScanner::update_at() const {
  const State& state = os_.As<State>();
  if (state.blind) return kNever;
  const uint64_t due_at = state.due ? state.scan_at : kNever;
  return due_at < state.again_at ? due_at : state.again_at;
}

void ProcessScanner::Update() {
  State& state = os_.As<State>();
  constexpr int kRoom = 16;
  struct kevent news[kRoom];
  const struct timespec none = {0, 0};
  int count = 0;
  do {
    count = kevent(state.queue, nullptr, 0, news, kRoom, &none);
    if (count <= 0) continue;
    state.due = true;
    state.again_at = bare::Now() + kSettled;
  } while (count == kRoom);
  const uint64_t now = bare::Now();
  if (now < update_at()) return;
  if (now >= state.again_at) state.again_at = kNever;
  Scan(&state, state.marker.get(), false);
}

bool ProcessScanner::IsEmpty() {
  if (FindDescendants(0) != 0) return false;
  usleep(kExecMicroseconds);
  return FindDescendants(0) == 0;
}

bool ProcessScanner::blind() const { return os_.As<State>().blind; }

// Most members are children of process 1 by now, so they come from the tree and not from the root's children.
uint32_t ProcessScanner::FindDescendants(int32_t) {
  State& state = os_.As<State>();
  return state.blind ? state.count = 0 : Scan(&state, state.marker.get(), false);
}

uint32_t ProcessScanner::FindSurvivors(CommandGroup* group, const char* marker) {
  State& state = os_.As<State>();
  state.tree = darwin::TreeOf(group);
  return Scan(&state, marker, true);
}

bool ProcessScanner::only_dead() const { return false; }

const ProcessEntry& ProcessScanner::operator[](uint32_t index) const { return os_.As<State>().found[index].entry; }

uint32_t ProcessScanner::count() const { return os_.As<State>().count; }

bool ProcessScanner::WasSignaled(uint32_t index) const {
  const State& state = os_.As<State>();
  return (*state.tree)[state.found[index].place].signaled;
}

void ProcessScanner::SetSignaled(uint32_t index) {
  const State& state = os_.As<State>();
  (*state.tree)[state.found[index].place].signaled = true;
}

void ProcessScanner::ForgetSignaled() {
  darwin::ProcessTree& tree = *os_.As<State>().tree;
  for (uint32_t i = 0; i < tree.count(); i++) tree[i].signaled = false;
}

bool ProcessScanner::Signal(const ProcessEntry& process, int signal) {
  // The process id may belong to another process by now.
  darwin::Process now;
  if (darwin::ReadProcess(process.pid, &now) && now.id == process.id && now.state != 'Z') {
    return kill(process.pid, signal) == 0;
  }
  errno = ESRCH;
  return false;
}

// Does nothing: only process 1 of the system gets orphans on macOS.
void ReapAdopted() {}

}  // namespace tripline
