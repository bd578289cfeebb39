// The part of macOS's <libproc.h> that native/darwin/ uses; stand_in.cc implements it.
#pragma once
#include <sys/proc_info.h>

constexpr int RUSAGE_INFO_V2 = 2;
using rusage_info_t = void*;

// Times are in nanoseconds in the stand-in.
struct rusage_info_v2 {
  uint64_t ri_user_time, ri_system_time, ri_resident_size, ri_phys_footprint, ri_proc_start_abstime,
      ri_proc_exit_abstime, ri_diskio_bytesread, ri_diskio_byteswritten;
};

extern "C" {
int proc_pid_rusage(int pid, int flavor, rusage_info_t* into);
int proc_listallpids(void* into, int size);
int proc_pidinfo(int pid, int flavor, uint64_t argument, void* into, int size);
}
