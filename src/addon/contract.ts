/** Identifies the interface between this version and its addon; written by scripts/generate-contract.js, not edited by hand. */
export const CONTRACT = 1948262642
