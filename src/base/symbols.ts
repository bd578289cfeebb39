/**
 * The symbols of `using`, which Node before 24 has in its main realm only. In a vm context, where some test runners load
 * everything, both are undefined there, and so one name for two methods. To be imported ahead of all classes.
 */
for (const name of ['dispose', 'asyncDispose']) {
  // As the language has them; where nothing can be added, everything else works.
  if (!(name in Symbol)) Reflect.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) })
}
