export const PROGRAMS: Readonly<
  Record<string, { readonly sources: readonly string[]; readonly targets: Readonly<Record<string, readonly string[]>> }>
>
export const SCRIPTED: readonly string[]
