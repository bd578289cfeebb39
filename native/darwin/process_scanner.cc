#include "darwin/process_scanner.h"

#include <signal.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>

#include "port/spawn.h"

namespace tripline {

namespace {

constexpr size_t kFoundSize = darwin::ProcessTree::kMost * sizeof(ProcessScanner::ProcessEntry);
// However fast they fork, looking takes no more than this part of a core; after a quiet time it may take all of one for
// as long as that has saved.
constexpr uint64_t kShare = 20;
constexpr uint64_t kQuiet = 2000000000;
// One who is within exec has no environment; whether it is one of us shows a little later.
constexpr useconds_t kExec = 2000;
// After the last news there is another look, for who was within it for longer.
constexpr uint64_t kSettled = 50000000;

}  // namespace

bool ProcessScanner::Open() {
  found_ = static_cast<ProcessEntry*>(darwin::Reserve(kFoundSize, false));
  return found_ != nullptr && process_list_.Open();
}

ProcessScanner::~ProcessScanner() {
  if (found_ != nullptr) munmap(found_, kFoundSize);
  if (queue_ >= 0) close(queue_);
}

bool ProcessScanner::Follow(CommandGroup* group, int32_t root, const char* marker) {
  tree_ = group->tree();
  darwin::Process self;
  self.id = 0;
  darwin::Process first;
  // A sandbox shows a process nobody but itself.
  blind_ = !darwin::ReadProcess(1, &first) || !darwin::ReadProcess(root, &self);
  queue_ = kqueue();
  if (tree_ == nullptr || queue_ < 0) return false;
  tree_->SetRoot(root, self.id, true);
  marker_.Add(marker);
  due_ = true;
  struct kevent child;
  EV_SET(&child, SIGCHLD, EVFILT_SIGNAL, EV_ADD, 0, 0, nullptr);
  return kevent(queue_, &child, 1, nullptr, 0, nullptr) == 0;
}

void ProcessScanner::Watch(darwin::Member* member) {
  struct kevent both;
  EV_SET(&both, static_cast<uintptr_t>(member->pid), EVFILT_PROC, EV_ADD | EV_CLEAR, NOTE_FORK | NOTE_EXIT, 0, nullptr);
  member->watched = kevent(queue_, &both, 1, nullptr, 0, nullptr) == 0;
  // What it did between the look and now was not told.
  due_ = true;
}

void ProcessScanner::Hear() {
  constexpr int kRoom = 16;
  struct kevent told[kRoom];
  const struct timespec none = {0, 0};
  int count = 0;
  do {
    count = kevent(queue_, nullptr, 0, told, kRoom, &none);
    if (count <= 0) continue;
    due_ = true;
    again_at_ = bare::Now() + kSettled;
  } while (count == kRoom);
  const uint64_t now = bare::Now();
  if (now < hear_at()) return;
  if (now >= again_at_) again_at_ = UINT64_MAX;
  Look(marker_.get(), false);
}

bool ProcessScanner::IsEmpty() {
  if (FindDescendants(0) != 0) return false;
  usleep(kExec);
  return FindDescendants(0) == 0;
}

uint32_t ProcessScanner::FindDescendants(int32_t) { return blind_ ? count_ = 0 : Look(marker_.get(), false); }

uint32_t ProcessScanner::FindLeft(CommandGroup* group, const char* marker) {
  tree_ = group->tree();
  return Look(marker, true);
}

uint32_t ProcessScanner::Look(const char* marker, bool everybody) {
  const uint64_t begun = bare::Now();
  tree_->Update(process_list_.get(), process_list_.Read(*tree_, marker, everybody));
  due_ = false;
  count_ = 0;
  for (uint32_t i = 0; i < tree_->count(); i++) {
    darwin::Member& member = (*tree_)[i];
    if (!darwin::ProcessTree::IsAlive(member)) continue;
    found_[count_++] = {member.pid, i, member.id, member.state};
    if (queue_ >= 0 && !member.watched) Watch(&member);
  }
  const uint64_t now = bare::Now();
  if (look_at_ + kQuiet < now) look_at_ = now - kQuiet;
  look_at_ += (now - begun) * kShare;
  return count_;
}

bool ProcessScanner::Signal(const ProcessEntry& entry, int signal) {
  // The number may have been given to somebody else since it was read.
  darwin::Process now;
  if (darwin::ReadProcess(entry.pid, &now) && now.id == entry.id && now.state != 'Z') {
    return kill(entry.pid, signal) == 0;
  }
  errno = ESRCH;
  return false;
}

void ProcessScanner::ForgetTold() {
  for (uint32_t i = 0; i < tree_->count(); i++) (*tree_)[i].told = false;
}

// Nobody but process 1 of the system gets orphans here.
void ReapAdopted() {}

}  // namespace tripline
