/** The number of what this version and its addon have agreed upon, written by scripts/generate-contract.js: not to be edited by hand. */
export const CONTRACT = 3116968818
