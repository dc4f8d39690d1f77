import type { KeyStore } from './ports.ts'

const AUTHORITY = 'authority/'

/**
 * Keys of authorities in one store, everything else in another. A token then holds what signs certificates, while OCSP
 * and TLS keep answering from memory whatever the token does.
 */
export function routeAuthorityKeys(authorityKeys: KeyStore, others: KeyStore): KeyStore {
  const storeOf = (name: string): KeyStore => (name.startsWith(AUTHORITY) ? authorityKeys : others)
  return {
    // An authority from before the token was configured keeps its key where it is.
    open: async (name) =>
      (await others.open(name)) ?? (name.startsWith(AUTHORITY) ? authorityKeys.open(name) : undefined),
    create: (name, kind) => storeOf(name).create(name, kind),
    adopt: (name, key) => storeOf(name).adopt(name, key),
    exportForTls: (name) => others.exportForTls(name),
  }
}
