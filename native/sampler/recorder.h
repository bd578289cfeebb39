// Recorders: store the newest values of some series on every beat and pass them to JavaScript in blocks, for rates at
// which a call per sample would cost more than the samples.
#pragma once

#include <cstdint>
#include <memory>

#include "sampler/grid.h"
#include "sampler/host.h"
#include "util/list.h"
#include "util/numbered.h"

namespace tripline {

class Environment;

// A ring of rows, oldest first: the time in milliseconds, then one value per series. Pure.
class RowRing {
 public:
  RowRing(uint32_t columns, uint32_t rows)
      : columns_(columns), rows_(rows), data_(new double[size_t{columns} * rows]) {}

  // Adds a row; if the ring is full, the oldest is dropped. Returns how many were dropped (0 or 1).
  uint32_t Push(double** row);
  // Moves the oldest `count` rows, which must be there, into columns of `count` numbers each.
  void Take(uint32_t count, double* out);

  uint32_t columns() const { return columns_; }
  uint32_t count() const { return count_; }

 private:
  double* Row(uint32_t place) const { return data_.get() + size_t{place % rows_} * columns_; }

  const uint32_t columns_;
  const uint32_t rows_;
  const std::unique_ptr<double[]> data_;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
};

struct Recorder {
  Recorder(Environment* environment, uint64_t interval, uint32_t batch, List<uint32_t> subscriptions, uint64_t now);

  Environment* const environment;
  const uint32_t batch;
  const List<uint32_t> subscriptions;
  Grid grid;
  RowRing rows;
  uint64_t missed = 0;   // beats that are in no row, since the last block
  uint32_t request = 0;  // to be answered when there is a block; 0 for none
  uint32_t id = 0;
};

// All recorders of the process.
class Recorders {
 public:
  explicit Recorders(Host* host) : host_(host) {}

  // ---- on any JavaScript thread

  // Records these subscriptions' newest values every `interval`; the subscriptions must outlive the recorder. Returns 0
  // with `why` if the thread cannot be started.
  uint32_t Add(Environment* environment, uint64_t interval, uint32_t batch, const uint32_t* subscriptions,
               uint32_t count, Failure* why) EXCLUDES(host_->lock());
  void Remove(uint32_t id) EXCLUDES(host_->lock());

  // Fills `out`, which has room for a block, column by column, and returns how many beats were missed since the last
  // block. If no block is complete yet, it returns -1 and answers `request` once one is.
  int64_t Take(uint32_t id, uint32_t request, double* out, size_t room) EXCLUDES(host_->lock());

  // ---- for the host, which holds its lock

  // Stores the rows that are due, after the reads of the same pass; returns when to be called next.
  uint64_t Record(uint64_t now);
  void RemoveEnvironment(const Environment* environment);
  bool empty() const {
    AssertLocked();
    return recorders_.empty();
  }

 private:
  // The analysis does not know that the caller holds this lock, the one of `host_`.
  void AssertLocked() const ASSERT_CAPABILITY(host_->lock()) {}
  Host* const host_;
  Numbered<Recorder> recorders_ GUARDED_BY(host_->lock());
};

}  // namespace tripline
