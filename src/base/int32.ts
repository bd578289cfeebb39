/** The end of what fits into 32 bits with a sign: process ids, descriptors and delays of Node's timers. */
export const INT32_MAX: number = 2 ** 31 - 1
