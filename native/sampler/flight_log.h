// Flight logs: files that outlive the process, in which the sampling thread keeps the last values of some series, the
// states of guards and the operations under way. docs/recording-format.md describes the file; recorder.h is about
// something else, blocks of samples for JavaScript.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "port/log_file.h"
#include "sampler/host.h"
#include "util/list.h"
#include "util/numbered.h"

namespace tripline {

class Environment;

// The fixed part of the file's header. All targets are little-endian, as the file is.
struct LogHeader {
  uint8_t magic[8];
  uint32_t version;
  uint32_t file_size;
  uint32_t info_offset;
  uint32_t info_length;
  uint32_t states_offset;
  uint32_t states;
  uint32_t rows_offset;
  uint32_t row_size;
  uint32_t rows;
  uint32_t columns;
  uint32_t guards;
  uint32_t row_operations;
  uint32_t entries_offset;
  uint32_t entries;
  uint32_t lines_offset;
  uint32_t lines;
  uint32_t operations_offset;
  uint32_t operations;
  uint32_t names;
  uint32_t checksum;
};
static_assert(sizeof(LogHeader) == 88, "the layout is public");

// A slot of a ring of notes.
struct LogNote {
  static constexpr uint32_t kText = 206;
  static constexpr uint32_t kMostParts = 16;

  uint32_t checksum;
  uint32_t sequence;
  double at;
  double wall;
  uint8_t kind;
  uint8_t part;
  uint8_t parts;
  uint8_t zero;
  uint32_t number;
  double a;
  double b;
  uint16_t length;
  char text[kText];
};
static_assert(sizeof(LogNote) == 256, "the layout is public");

// The kinds of notes that native code writes; src/record/format.ts has all of them.
enum class LogKind : uint8_t {
  kRunning = 1,
  kClosed = 2,
  kSignal = 5,
  kBreach = 18,
  kClear = 19,
  kLost = 20,
  kBlocked = 22,
  kMissing = 23
};

// What a note says, beside its text.
struct LogFact {
  LogKind kind;
  uint32_t number = 0;
  double a;
  double b;
};

enum class LogRing : uint8_t { kStates, kEntries, kLines };

class FlightLog {
 public:
  FlightLog(Environment* environment, Host* host, const LogHeader& header, bool slow)
      : environment(environment), host_(host), header_(header), slow_(slow) {}
  // Called by the host's users, which hold its lock.
  void WriteRow(uint64_t now);
  // Writes a row if it is due, or soon. The thread wakes at `wake` for another reason; returns when to be called before
  // that, or kNever if the row can wait for it.
  uint64_t Record(uint64_t now, uint64_t wake);
  // Adds a note, in several parts if the text is long. A state is on its way to the disk when this returns, so that it
  // is not lost if the process ends.
  void Add(LogRing ring, const LogFact& fact, const char* text, size_t size, uint64_t now);
  // Has everything written so far forced to the disk.
  void Flush();
  // The guard has just changed; see Verdicts.
  void NoteEdge(const Guard& guard, uint64_t now);
  // Whether no other state has been noted since it was.
  bool running() const { return state_ == LogKind::kRunning; }
  // Writes that this signal ends the process. Makes system calls only.
  void NoteSignal(int signal, const char* name, uint64_t now) const;
  // Writes what is left, and no more after that. True if it can be deleted; otherwise its helper thread does that.
  bool End();

  Environment* const environment;
  FlightLog* next_of_environment = nullptr;
  std::atomic<FlightLog*> next_signaled{nullptr};  // of the list of those that note signals
  uint32_t id = 0;
  List<uint32_t> subscriptions;
  uint64_t interval = 0;
  uint64_t next_row = 0;
  LogFile file;
  Failure failure;  // of the last write that failed

 private:
  // A piece of the file that waits for the helper thread.
  struct Piece {
    uint64_t offset;
    size_t size;
    std::unique_ptr<uint8_t[]> bytes;
  };

  void Put(uint64_t offset, const void* bytes, size_t size);
  void WritePieces();
  void StartHelper();
  static void HelperBody(void* self);
  // Brings the copy of the operations up to date.
  void CopyOperations();
  // Asks for the stack of a loop that has been blocked for `silence` nanoseconds, and notes it once it is there.
  void NoteStack(uint64_t silence, uint64_t now);
  void DescribeOperations(uint8_t* row, double now);
  void AssertLocked() const ASSERT_CAPABILITY(host_->lock()) {}

  Host* const host_;
  const LogHeader header_;
  const bool slow_;  // on a disk, where a write may wait
  bool helping_ = false;
  bool flush_ = false;
  bool ended_ = false;
  LogKind state_ = LogKind::kClosed;
  uint32_t row_sequence_ = 0;
  uint32_t sequences_[3] = {};
  uint32_t changes_ = 0;
  uint32_t names_ = 0;
  uint64_t noted_block_ = 0;  // the heartbeat whose stack was noted last
  List<Piece> pieces_;
  std::unique_ptr<uint8_t[]> row_{new uint8_t[header_.row_size]()};
  std::unique_ptr<uint8_t[]> operations_;
};

// All flight logs of the process.
class FlightLogs {
 public:
  explicit FlightLogs(Host* host) : host_(host) {}

  // ---- on any JavaScript thread

  // Creates the file `path` with the content `image`, which begins with a LogHeader, and writes a row of these
  // subscriptions' newest values every `interval`; the subscriptions must outlive the log. A `slow` file is written on
  // a helper thread. Returns 0 with `why` if that fails.
  uint32_t Create(Environment* environment, const char* path, const uint8_t* image, size_t size, uint64_t interval,
                  const uint32_t* subscriptions, uint32_t count, bool slow, Failure* why) EXCLUDES(host_->lock());
  // See FlightLog::Add().
  void Add(uint32_t id, LogRing ring, const LogFact& fact, const char* text, size_t size) EXCLUDES(host_->lock());
  // Has a signal noted that ends the process. To be called again when the process no longer handles one.
  void NoteSignals(uint32_t id) EXCLUDES(host_->lock());
  void Remove(uint32_t id) EXCLUDES(host_->lock());
  // Why the last write failed.
  Failure FailureOf(uint32_t id) EXCLUDES(host_->lock());

  // ---- for the host, which holds its lock

  // Writes the rows that are due, after the reads of the same pass. The thread wakes at `wake` for other reasons;
  // returns when to be called before that, or kNever.
  uint64_t Record(uint64_t now, uint64_t wake);
  void RemoveEnvironment(Environment* environment, uint64_t now);
  bool empty() const {
    AssertLocked();
    return logs_.empty();
  }

 private:
  void AssertLocked() const ASSERT_CAPABILITY(host_->lock()) {}
  void Drop(FlightLog* log) REQUIRES(host_->lock());

  Host* const host_;
  Numbered<FlightLog> logs_ GUARDED_BY(host_->lock());
};

}  // namespace tripline
