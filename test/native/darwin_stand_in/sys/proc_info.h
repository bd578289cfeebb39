// The part of macOS's <sys/proc_info.h> that native/darwin/ uses.
#pragma once
#include <cstdint>

constexpr int PROC_PIDLISTFDS = 1;
constexpr int PROC_PIDTBSDINFO = 3;
constexpr int PROC_PIDTASKINFO = 4;
constexpr int PROC_PIDT_SHORTBSDINFO = 13;

struct proc_bsdshortinfo {
  uint32_t pbsi_ppid, pbsi_pgid, pbsi_status;
};
struct proc_bsdinfo {
  uint64_t pbi_start_tvsec, pbi_start_tvusec;
};
struct proc_taskinfo {
  int32_t pti_threadnum;
};
struct proc_fdinfo {
  int32_t proc_fd;
  uint32_t proc_fdtype;
};
