// The few calls of macOS that native/darwin/ follows a tree with, made of what Linux has. It is a stand-in and no Mac:
//   - Ids are made of start times. The forker of a process is only known where that was read while its
//     parent lived; a Mac knows it of all.
//   - A fork is noticed by looking for it every millisecond, and with that later than a Mac reports it.
//   - The process that gets orphans here is shown as process 1.
#pragma once

namespace stand_in {

// Before anything else.
void Begin();

// What a Mac may keep from us; processes that are forked later inherit it.
extern bool refuses_ids;
extern bool hides_environments;

}  // namespace stand_in
