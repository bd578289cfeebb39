// How somebody is asked to end on Windows, which has no signals: a console program hears Ctrl-Break, one with windows
// hears that they are to be closed.
#pragma once

#include "windows/job.h"

namespace tripline {

class CloseRequest {
 public:
  // Ctrl-Break to the process group of `leader`, unless that is 0, and the end to all windows of the job. A group is
  // the only address that there is, so whoever has left it or the console hears nothing. Whether the group was reached.
  bool Ask(const JobList& whom, DWORD leader);
  // Whether any of these may still do what it was asked.
  bool IsHeardBy(const JobList& whom) const;

 private:
  bool by_console_ = false;
  // Of those whose windows were told. More than these are not waited for.
  static constexpr uint32_t kMost = 64;
  DWORD told_[kMost] = {};
  uint32_t told_count_ = 0;
};

}  // namespace tripline
