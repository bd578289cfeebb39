/**
 * Adds the symbols of `using`, which Node before 24 has in its main realm only. In a vm context, where some test runners
 * load everything, both would be undefined and two methods would share one name. Must be imported before all classes.
 */
// Every entry begins here, so each copy of the library is noted as soon as it is loaded.
import './loaded-copies.js'

for (const name of ['dispose', 'asyncDispose']) {
  // Not writable, as in the language. If `Symbol` is frozen, everything else still works.
  if (!(name in Symbol)) Reflect.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) })
}
