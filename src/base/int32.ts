/** The largest signed 32-bit integer, which limits process ids, descriptors and the delays of Node's timers. */
export const INT32_MAX: number = 2 ** 31 - 1
