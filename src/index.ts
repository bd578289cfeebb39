/** The public face: nothing but exports. */
export { CancelationError } from './cancelation-error.js'
