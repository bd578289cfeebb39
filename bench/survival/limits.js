// The group in which everything happens, and the line at which every watch reports. In bytes.

/** What the kernel allows. */
export const LIMIT = 600e6
/** Where a job has to stop: 80 % of that. */
export const LINE = 480e6
/** What the processes of the group have allocated when the filling begins. */
export const BASE = 380e6
/** What is allocated at a time, between two checks. */
export const CHUNK = 1e6
