import { Certificate, issuerLookupKeys, type Trust } from '../../../pki/index.ts'
import type { ContractStore, TrustUsage } from '../../store/contracts.ts'
import type { Authorities } from '../authorities.ts'

/** Our authorities that stand above contracts: those of the mobility operator, and the V2G roots. */
const CONTRACT_LINES = ['mo-root', 'mo-sub1', 'mo-sub2', 'mo20-root', 'mo20-sub1', 'mo20-sub2']
const V2G_LINES = ['v2g-root', 'v2g20-root']

export interface TrustPoolOptions {
  readonly store: { readonly contracts: Pick<ContractStore, 'trusted'> }
  readonly authorities: Authorities
}

interface View {
  readonly oem: Trust
  readonly contracts: Trust
  /** Issuers of contracts by the hashes that OCSP and OCPP name them by. */
  readonly issuers: ReadonlyMap<string, Certificate>
  /** What the operator put in with his own hand. */
  readonly configured: ReadonlySet<string>
}

/**
 * Whose word counts: OEM authorities for cars (a -2 request brings the leaf only, so their sub-CAs have to be here),
 * MO and V2G authorities for contracts. Parsed once and kept, as every request needs them.
 */
export class TrustPool {
  readonly #options: TrustPoolOptions
  #view: View = { oem: NOBODY, contracts: NOBODY, issuers: new Map(), configured: new Set() }
  /** By fingerprint: parsed certificates remember what was verified with them. */
  #parsed = new Map<string, Certificate>()

  constructor(options: TrustPoolOptions) {
    this.#options = options
  }

  get oem(): Trust {
    return this.#view.oem
  }
  get contracts(): Trust {
    return this.#view.contracts
  }
  issuer(certIdIssuerKey: string | undefined): Certificate | undefined {
    return certIdIssuerKey === undefined ? undefined : this.#view.issuers.get(certIdIssuerKey)
  }
  isConfigured(certificate: Certificate): boolean {
    return this.#view.configured.has(certificate.fingerprint)
  }

  /** Reads the pool again: at start, after a change, and now and then for changes by other processes. */
  async load(): Promise<void> {
    const { store, authorities } = this.#options
    const records = await store.contracts.trusted()
    const parsed = new Map<string, Certificate>()
    for (const { fingerprint, der } of records)
      parsed.set(fingerprint, this.#parsed.get(fingerprint) ?? Certificate.parse(der))
    const of = (usage: TrustUsage, isRoot: boolean): Certificate[] =>
      records
        .filter((record) => record.usage === usage && record.isRoot === isRoot)
        .flatMap(({ fingerprint }) => parsed.get(fingerprint) ?? [])
    const own = (lines: readonly string[]): Certificate[] =>
      lines.flatMap((line) => authorities.generations(line)).map(({ certificate }) => certificate)
    const [ownRoots, ownSubs] = split(own(CONTRACT_LINES))
    const contracts: Trust = {
      anchors: [...ownRoots, ...own(V2G_LINES), ...of('MO', true), ...of('V2G', true)],
      intermediates: [...ownSubs, ...of('MO', false), ...of('V2G', false)],
    }
    this.#parsed = parsed
    this.#view = {
      oem: { anchors: of('OEM', true), intermediates: of('OEM', false) },
      contracts,
      issuers: new Map(
        [...contracts.anchors, ...contracts.intermediates].flatMap((certificate) =>
          issuerLookupKeys(certificate).map((key) => [key, certificate] as const),
        ),
      ),
      configured: new Set(parsed.keys()),
    }
  }
}

const NOBODY: Trust = { anchors: [], intermediates: [] }

function split(certificates: readonly Certificate[]): [roots: Certificate[], subs: Certificate[]] {
  return [
    certificates.filter((certificate) => certificate.isSelfSigned),
    certificates.filter((certificate) => !certificate.isSelfSigned),
  ]
}
