import { Certificate, issuerLookupKeys } from '../../../pki/index.ts'
import type { Clock } from '../../observe/clock.ts'
import type { Store } from '../../store/ports.ts'

/** A certificate that an operator adds to the pool is known here after at most this. */
const RELOAD_MS = 60_000

/** Certificates of others that an operator trusts, by the issuer part of a CertID. */
export function createTrustedIssuers(
  store: Pick<Store, 'contracts'>,
  clock: Clock,
): (issuerKey: string) => Promise<Certificate | undefined> {
  let byKey: ReadonlyMap<string, Certificate> = new Map()
  let loadedAtMs = Number.NEGATIVE_INFINITY
  return async (issuerKey) => {
    if (clock.now() >= loadedAtMs + RELOAD_MS) {
      loadedAtMs = clock.now()
      const trusted = (await store.contracts.trusted()).map(({ der }) => Certificate.parse(der))
      byKey = new Map(
        trusted.flatMap((certificate) =>
          issuerLookupKeys(certificate).map((key) => [key, certificate] as const),
        ),
      )
    }
    return byKey.get(issuerKey)
  }
}
