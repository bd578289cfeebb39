/** How files are opened that others may have put in place. */
import { constants } from 'node:fs'

/** Follows no link, and does not wait for the other end of a pipe. Windows has neither flag. */
export const CAREFULLY: number = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
