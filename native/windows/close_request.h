// Requests a graceful exit on Windows, which has no signals: Ctrl-Break for console programs, WM_CLOSE for windows.
#pragma once

#include "util/list.h"
#include "windows/job.h"

namespace tripline {

class CloseRequest {
 public:
  // Sends Ctrl-Break to the process group of `leader`, unless that is 0, and WM_CLOSE to all windows of the job.
  // Nothing smaller than a process group can be addressed, so a process that has left it or the console receives
  // nothing. Returns whether the group was reached.
  bool Ask(const JobList& job, DWORD leader);
  // Whether a process of the job that received the request still runs.
  bool MayStillEnd(const JobList& job) const;

 private:
  bool by_console_ = false;
  List<DWORD> asked_;  // processes with windows
};

}  // namespace tripline
