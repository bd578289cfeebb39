#include "sampler/flight_log.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <utility>

#include "port/fatal_signal.h"
#include "sampler/environment.h"
#include "sampler/feed.h"
#include "util/crc32.h"

namespace tripline {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Pieces that wait for a disk that does not answer; more are dropped.
constexpr size_t kMostPieces = 1024;

// A loop that has not answered for so long is blocked rather than busy.
constexpr uint64_t kBlocked = 100 * kMillisecond;

// ---- the layout

constexpr size_t kRowFixed = 40;
constexpr size_t kRowOperation = 16;
constexpr size_t kOperationsHead = 64;
constexpr size_t kOperation = 32;
constexpr size_t kName = 64;
constexpr uint64_t kMostRowBytes = 1 << 24;

struct RowHead {
  uint32_t checksum;
  uint32_t sequence;
  double at;
  double wall;
  double silence;
  uint32_t operations;
  uint32_t zero;
};
static_assert(sizeof(RowHead) == kRowFixed, "the layout is public");

struct RowOperation {
  uint32_t number;
  uint16_t name;
  uint16_t state;
  float elapsed;
  float progress;
};
static_assert(sizeof(RowOperation) == kRowOperation, "the layout is public");

// JavaScript writes everything but the checksum, the state last.
struct Operation {
  uint32_t checksum;
  uint32_t generation;
  double started;
  double progress;
  uint32_t number;
  uint32_t name_and_state;  // the state is in the upper half
};
static_assert(sizeof(Operation) == kOperation, "the layout is public");

uint32_t Load(const uint32_t* word, std::memory_order order = std::memory_order_acquire) {
  return reinterpret_cast<const std::atomic<uint32_t>*>(word)->load(order);
}

// Whether rows and operations have the size that their counts say, so that writing them stays within their memory.
bool IsSound(const LogHeader& header) {
  const uint64_t row = sizeof(RowHead) + (uint64_t{header.guards} + 7) / 8 * 8 +
                       uint64_t{header.row_operations} * kRowOperation + uint64_t{header.columns} * sizeof(double) +
                       (uint64_t{header.columns} + 7) / 8 * 8;
  return header.row_size == row && row <= kMostRowBytes && header.rows != 0 && header.states != 0;
}

// The logs that note signals, which a signal handler goes through, and the handlers that do so at this moment.
std::atomic<FlightLog*> signaled{nullptr};
std::atomic<uint32_t> noting{0};

void NoteSignalInAll(int signal, const char* name) {
  noting.fetch_add(1);
  const uint64_t now = MonotonicNow();
  for (FlightLog* each = signaled.load(); each != nullptr; each = each->next_signaled.load()) {
    each->NoteSignal(signal, name, now);
  }
  noting.fetch_sub(1);
}

// Does nothing for a log that is not in the list.
void Unlist(FlightLog* log) {
  std::atomic<FlightLog*>* at = &signaled;
  while (at->load() != nullptr && at->load() != log) at = &at->load()->next_signaled;
  if (at->load() == nullptr) return;
  at->store(log->next_signaled.load());
  // The handlers on other threads may still use it, but wait for nothing themselves.
  while (noting.load() != 0) {
  }
  if (signaled.load() == nullptr) UnwatchFatalSignals();
}

// Begins a note; its sequence number, length and text are left.
void Begin(LogNote* note, const LogFact& fact, uint64_t now) {
  std::memset(note, 0, sizeof(*note));
  note->at = ToMilliseconds(now);
  note->wall = WallNow();
  note->kind = static_cast<uint8_t>(fact.kind);
  note->parts = 1;
  note->number = fact.number;
  note->a = fact.a;
  note->b = fact.b;
}

// Writes the checksum of a slot, which is its first word.
void Seal(void* slot, size_t size) {
  const uint32_t checksum = Crc32(static_cast<const uint8_t*>(slot) + sizeof(uint32_t), size - sizeof(uint32_t));
  std::memcpy(slot, &checksum, sizeof(checksum));
}

// A slot that changes during the copy is left as it was.
void CopySlot(const Operation* from, Operation* to) {
  Operation copy;
  const uint32_t generation = Load(&from->generation);
  copy.name_and_state = Load(&from->name_and_state);
  copy.started = from->started;
  copy.progress = from->progress;
  copy.number = from->number;
  std::atomic_thread_fence(std::memory_order_acquire);
  if (Load(&from->generation, std::memory_order_relaxed) != generation) return;
  copy.generation = generation;
  if (copy.name_and_state >> 16 == 0) copy.started = copy.progress = 0;
  *to = copy;
  Seal(to, sizeof(*to));
}

}  // namespace

// ---- one log -------------------------------------------------------------------------------------------------------

void FlightLog::Put(uint64_t offset, const void* bytes, size_t size) {
  if (!slow_) {
    file.Write(offset, bytes, size, &failure);
    return;
  }
  if (pieces_.size() >= kMostPieces) return;
  std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  std::memcpy(copy.get(), bytes, size);
  pieces_.push_back(Piece{offset, size, std::move(copy)});
  StartHelper();
}

void FlightLog::StartHelper() {
  if (!helping_) helping_ = StartThread(HelperBody, this, "tripline-log");
}

void FlightLog::HelperBody(void* raw) {
  auto* self = static_cast<FlightLog*>(raw);
  Mutex* const lock = self->host_->lock();
  lock->Lock();
  while (!self->pieces_.empty() || self->flush_) {
    List<Piece> pieces;
    pieces.swap(self->pieces_);
    const bool flush = std::exchange(self->flush_, false);
    lock->Unlock();
    Failure failure;
    for (const Piece& each : pieces) self->file.Write(each.offset, each.bytes.get(), each.size, &failure);
    if (flush) self->file.Flush();
    lock->Lock();
    if (failure.failed()) self->failure = failure;
  }
  self->helping_ = false;
  if (self->ended_) delete self;
  lock->Unlock();
}

bool FlightLog::End() {
  ended_ = true;
  WritePieces();
  // The helper may still need the file for a moment, or for as long as its disk does not answer.
  file.Unlock();
  return !helping_;
}

void FlightLog::WritePieces() {
  for (const Piece& each : pieces_) file.Write(each.offset, each.bytes.get(), each.size, &failure);
  pieces_.clear();
}

void FlightLog::Flush() {
  if (!slow_) return;
  flush_ = true;
  StartHelper();
}

void FlightLog::Add(LogRing ring, const LogFact& fact, const char* text, size_t size, uint64_t now) {
  const bool state = ring == LogRing::kStates;
  const uint64_t offset = state                       ? header_.states_offset
                          : ring == LogRing::kEntries ? header_.entries_offset
                                                      : header_.lines_offset;
  const uint32_t count = state ? header_.states : ring == LogRing::kEntries ? header_.entries : header_.lines;
  if (count == 0) return;
  uint32_t* const sequence = &sequences_[static_cast<uint8_t>(ring)];
  const size_t most = size_t{LogNote::kText} * LogNote::kMostParts;
  if (size > most) size = most;
  LogNote note;
  Begin(&note, fact, now);
  if (size > 0) note.parts = static_cast<uint8_t>((size + LogNote::kText - 1) / LogNote::kText);
  do {
    const size_t part = std::min<size_t>(size, LogNote::kText);
    note.sequence = ++*sequence;
    note.length = static_cast<uint16_t>(part);
    std::memset(note.text, 0, sizeof(note.text));
    std::memcpy(note.text, text, part);
    text += part;
    size -= part;
    Seal(&note, sizeof(note));
    Put(offset + uint64_t{(note.sequence - 1) % count} * sizeof(note), &note, sizeof(note));
  } while (++note.part < note.parts);
  if (!state) return;
  state_ = fact.kind;
  WritePieces();
}

void FlightLog::NoteSignal(int signal, const char* name, uint64_t now) const {
  LogNote note;
  Begin(&note, LogFact{LogKind::kSignal, static_cast<uint32_t>(signal), kNone, kNone}, now);
  note.length = static_cast<uint16_t>(strlen(name));
  std::memcpy(note.text, name, note.length);
  // A state that another thread adds at this moment may have the same number; one of them is then lost.
  const uint32_t before = sequences_[static_cast<uint8_t>(LogRing::kStates)];
  note.sequence = before + 1;
  Seal(&note, sizeof(note));
  file.Write(header_.states_offset + uint64_t{before % header_.states} * sizeof(note), &note, sizeof(note), nullptr);
}

void FlightLog::NoteEdge(const Guard& guard, uint64_t now) {
  LogFact fact{LogKind::kClear, guard.id, kNone, kNone};
  const char* name = "";
  if (guard.breached()) {
    fact.kind = LogKind::kBreach;
    for (uint32_t i = 0; i < guard.limit_count(); i++) {
      const GuardLimit& limit = guard.limit(i);
      if (limit.evidence.breach != guard.breaches()) continue;
      fact.a = limit.evidence.value;
      fact.b = limit.limit.spec.enter;
      if (limit.feed != nullptr) name = InfoOf(limit.feed->series.metric()).name;
      break;
    }
  } else if (guard.state() == LimitState::kUnavailable) {
    fact.kind = LogKind::kLost;
  }
  Add(LogRing::kEntries, fact, name, strlen(name), now);
  if (guard.breached()) Flush();
}

void FlightLog::CopyOperations() {
  const auto* from = reinterpret_cast<const uint8_t*>(environment->operations);
  if (header_.operations == 0 || from == nullptr) return;
  const auto* head = reinterpret_cast<const uint32_t*>(from);
  const size_t slots = size_t{header_.operations} * kOperation;
  const size_t names = size_t{header_.names} * kName;
  if (environment->operations_size < kOperationsHead + slots + names) return;
  const uint32_t changes = Load(head);
  const uint32_t used = Load(head + 2);
  if (operations_ == nullptr) {
    operations_.reset(new uint8_t[kOperationsHead + slots + names]());
  } else if (changes == changes_ && used == names_) {
    return;
  }
  uint8_t* const to = operations_.get();
  std::memcpy(to, from, kOperationsHead);
  const auto* slot = reinterpret_cast<const Operation*>(from + kOperationsHead);
  auto* copy = reinterpret_cast<Operation*>(to + kOperationsHead);
  for (uint32_t i = 0; i < header_.operations; i++) {
    if (Load(&slot[i].generation) != 0) CopySlot(slot + i, copy + i);
  }
  size_t size = kOperationsHead + slots;
  if (used != names_) {
    std::memcpy(to + size, from + size, names);
    size += names;
  }
  changes_ = changes;
  names_ = used;
  Put(header_.operations_offset, to, size);
}

void FlightLog::DescribeOperations(uint8_t* row, double now) {
  if (operations_ == nullptr) return;
  const auto* slots = reinterpret_cast<const Operation*>(operations_.get() + kOperationsHead);
  auto* out = reinterpret_cast<RowOperation*>(row);
  std::memset(out, 0, size_t{header_.row_operations} * kRowOperation);
  // The oldest ones, one after the other. There are few in a row.
  double after = -std::numeric_limits<double>::infinity();
  uint32_t after_slot = 0;
  for (uint32_t i = 0; i < header_.row_operations; i++) {
    const Operation* oldest = nullptr;
    for (uint32_t at = 0; at < header_.operations; at++) {
      const Operation& each = slots[at];
      if (each.name_and_state >> 16 == 0) continue;
      if (each.started < after || (each.started == after && at <= after_slot)) continue;
      if (oldest == nullptr || each.started < oldest->started) oldest = &each;
    }
    if (oldest == nullptr) return;
    after = oldest->started;
    after_slot = static_cast<uint32_t>(oldest - slots);
    out[i].number = oldest->number;
    out[i].name = static_cast<uint16_t>(oldest->name_and_state);
    out[i].state = static_cast<uint16_t>(oldest->name_and_state >> 16);
    out[i].elapsed = static_cast<float>(now - oldest->started);
    out[i].progress = static_cast<float>(oldest->progress);
  }
}

void FlightLog::NoteStack(uint64_t silence, uint64_t now) {
  const uint64_t block = environment->heartbeat.number;
  if (environment->stack == nullptr || noted_block_ == block) return;
  environment->AskForStack();
  char text[LogNote::kText * LogNote::kMostParts];
  environment->stack->Describe(text, sizeof(text), block);
  // Otherwise it is there by the next row.
  if (text[0] == '\0') return;
  noted_block_ = block;
  const LogFact fact{LogKind::kBlocked, 0, ToMilliseconds(silence), kNone};
  Add(LogRing::kEntries, fact, text, strlen(text), now);
}

void FlightLog::WriteRow(uint64_t now) {
  AssertLocked();
  CopyOperations();
  uint8_t* at = row_.get();
  auto* head = reinterpret_cast<RowHead*>(at);
  const Heartbeat& beat = environment->heartbeat;
  head->sequence = ++row_sequence_;
  head->at = ToMilliseconds(now);
  head->wall = WallNow();
  // A loop that waits is not asked.
  const bool observed = beat.sent != 0 || environment->look.at != 0;
  const uint64_t silence = beat.outstanding() ? now - beat.sent : 0;
  head->silence = observed ? ToMilliseconds(silence) : kNone;
  if (silence >= kBlocked) NoteStack(silence, now);
  head->operations = operations_ == nullptr ? 0 : reinterpret_cast<const uint32_t*>(operations_.get())[1];
  at += sizeof(*head);
  for (uint32_t i = 0; i < header_.guards; i++) {
    const Guard* guard = host_->GuardOf(i + 1);
    const bool ours = guard != nullptr && guard->environment() == environment;
    at[i] = ours ? static_cast<uint8_t>(static_cast<uint8_t>(guard->state()) + 1) : 0;
  }
  at += (header_.guards + 7) / 8 * 8;
  DescribeOperations(at, head->at);
  at += size_t{header_.row_operations} * kRowOperation;
  uint8_t* const codes = at + subscriptions.size() * sizeof(double);
  for (uint32_t i = 0; i < subscriptions.size(); i++) {
    const Feed* feed = host_->FeedOf(subscriptions[i]);
    if (feed == nullptr) continue;
    const Series& series = feed->series;
    const Value& value = series.now();
    const double number = value.state == Value::kKnown ? value.value : kNone;
    std::memcpy(at + i * sizeof(double), &number, sizeof(number));
    const uint8_t code = value.state == Value::kKnown ? 0 : value.state == Value::kUnknown ? 1 : 2;
    if (code == 2 && codes[i] != 2) {
      const char* why = series.failure().text;
      Add(LogRing::kEntries, LogFact{LogKind::kMissing, i, kNone, kNone}, why, strlen(why), now);
    }
    codes[i] = code;
  }
  Seal(head, header_.row_size);
  Put(header_.rows_offset + uint64_t{(row_sequence_ - 1) % header_.rows} * header_.row_size, head, header_.row_size);
}

// ---- all logs ------------------------------------------------------------------------------------------------------

uint32_t FlightLogs::Create(Environment* environment, const char* path, const uint8_t* image, size_t size,
                            uint64_t interval, const uint32_t* subscriptions, uint32_t count, bool slow, Failure* why) {
  LogHeader header;
  if (size < sizeof(header) || interval == 0) return 0;
  std::memcpy(&header, image, sizeof(header));
  if (!IsSound(header) || header.columns != count) return 0;
  std::unique_ptr<FlightLog> owned(new FlightLog(environment, host_, header, slow));
  FlightLog* const log = owned.get();
  // Without the lock, because a disk may be slow.
  if (!log->file.Create(path, image, size, why)) return 0;
  MutexLock lock(host_->lock());
  if (!host_->EnsureThread(why)) return 0;
  for (uint32_t i = 0; i < count; i++) log->subscriptions.push_back(subscriptions[i]);
  log->interval = interval;
  log->next_row = MonotonicNow();
  log->next_of_environment = environment->first_log;
  environment->first_log = log;
  return logs_.Add(std::move(owned))->id;
}

void FlightLogs::Add(uint32_t id, LogRing ring, const LogFact& fact, const char* text, size_t size) {
  MutexLock lock(host_->lock());
  FlightLog* log = logs_.Get(id);
  if (log != nullptr) log->Add(ring, fact, text, size, MonotonicNow());
}

Failure FlightLogs::FailureOf(uint32_t id) {
  MutexLock lock(host_->lock());
  const FlightLog* log = logs_.Get(id);
  return log == nullptr ? Failure() : log->failure;
}

void FlightLogs::NoteSignals(uint32_t id) {
  MutexLock lock(host_->lock());
  FlightLog* log = logs_.Get(id);
  if (log == nullptr) return;
  FlightLog* each = signaled.load();
  while (each != nullptr && each != log) each = each->next_signaled.load();
  if (each == nullptr) {
    log->next_signaled.store(signaled.load());
    signaled.store(log);
  }
  WatchFatalSignals(NoteSignalInAll);
}

void FlightLogs::Remove(uint32_t id) {
  MutexLock lock(host_->lock());
  FlightLog* log = logs_.Get(id);
  if (log == nullptr) return;
  Drop(log);
  // The thread may end now.
  if (logs_.empty()) host_->WakeBy(0);
}

void FlightLogs::Drop(FlightLog* log) {
  Unlist(log);
  FlightLog** at = &log->environment->first_log;
  while (*at != log) at = &(*at)->next_of_environment;
  *at = log->next_of_environment;
  std::unique_ptr<FlightLog> owned = logs_.Take(log->id);
  if (!log->End()) owned.release();
}

uint64_t FlightLog::Record(uint64_t now, uint64_t wake) {
  if (next_row <= now + interval / 8) {
    WriteRow(now);
    // A late row moves those after it, so that they meet the reads, which have the same interval.
    next_row = std::max(next_row, now) + interval;
  }
  return wake <= next_row + interval ? kNever : next_row;
}

uint64_t FlightLogs::Record(uint64_t now, uint64_t wake) {
  AssertLocked();
  uint64_t next = kNever;
  for (const auto& each : logs_) next = std::min(next, each->Record(now, std::min(wake, next)));
  return next;
}

void FlightLogs::RemoveEnvironment(Environment* environment, uint64_t now) {
  AssertLocked();
  while (environment->first_log != nullptr) {
    FlightLog* log = environment->first_log;
    // The thread was terminated; it could not say so itself.
    if (log->running()) log->Add(LogRing::kStates, LogFact{LogKind::kClosed, 1, kNone, kNone}, "", 0, now);
    Drop(log);
  }
}

}  // namespace tripline
