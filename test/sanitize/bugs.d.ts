interface Change {
  find: string
  replace: string
}

export const BUGS: readonly (Change & {
  kind: string
  sanitizer: 'address' | 'thread'
  file: string
  net: readonly string[]
  report: RegExp
  halts?: boolean
  also?: readonly Change[]
})[]
