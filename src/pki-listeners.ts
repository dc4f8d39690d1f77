/** Puts the PKI listeners together: OCSP, CRLs and CA certificates over HTTP, the same and EST over TLS. */

import type { Logger } from 'pino'
import { encodeCertsOnly } from '../pki/index.ts'
import { EstService } from './certificates/est.ts'
import type { CertificateService } from './certificates/service.ts'
import type { Config } from './config.ts'
import type { AuthorityFiles, PkiServices } from './http/pki/services.ts'
import { createPkiServer } from './http/pki-server.ts'
import type { Clock } from './observe/clock.ts'
import { secureContextOptions, type TlsMaterial } from './ocpp/tls.ts'
import { createCredentials } from './stations/credentials.ts'
import type { Store } from './store/ports.ts'

export interface PkiListeners {
  readonly urls: { readonly pki?: string; readonly est?: string }
  /** The EST listener presents another certificate from now on. */
  reloadTls(material: TlsMaterial): void
  close(): Promise<void>
}

export interface PkiListenerOptions {
  readonly config: Pick<Config, 'pkiHttp' | 'pki'>
  readonly certificates: CertificateService
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readTls(): Promise<TlsMaterial>
}

export async function startPkiListeners(options: PkiListenerOptions): Promise<PkiListeners> {
  const { config, log } = options
  const { pkiHttp } = config
  const services = pkiServices(options)
  const servers: ReturnType<typeof createPkiServer>[] = []
  const close = async (): Promise<void> => {
    for (const server of servers) await server.close()
  }
  try {
    let pki: string | undefined
    if (pkiHttp.enabled) {
      const plain = createPkiServer({ services, log })
      servers.push(plain)
      pki = await plain.listen({ host: pkiHttp.host, port: pkiHttp.port })
    }
    if (!pkiHttp.est.enabled)
      return { urls: pki === undefined ? {} : { pki }, reloadTls: () => undefined, close }
    const est = createPkiServer({
      services,
      log,
      est: {
        services: estService(options),
        tls: estTls(await options.readTls()),
        perStationPerHour: pkiHttp.est.perStationPerHour,
      },
    })
    servers.push(est)
    const url = await est.listen({ host: pkiHttp.est.host, port: pkiHttp.est.port })
    return {
      urls: { ...(pki === undefined ? {} : { pki }), est: url.replace(/^http:/, 'https:') },
      reloadTls: (material) => est.reloadTls(estTls(material)),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function estTls(material: TlsMaterial) {
  return { ...secureContextOptions(material), sessionIdContext: 'gridkeep-est' }
}

function pkiServices({ certificates, clock }: PkiListenerOptions): PkiServices {
  return {
    now: () => clock.now(),
    ocsp: (der) => certificates.ocsp.answer(der),
    crl: async (authorityId, kind) => {
      const crl = await certificates.crls.published(authorityId, kind)
      return (
        crl && {
          der: crl.der,
          thisUpdateMs: Date.parse(crl.thisUpdate),
          nextUpdateMs: Date.parse(crl.nextUpdate),
        }
      )
    },
    authority: (id) => authorityFiles(certificates, id),
  }
}

function authorityFiles({ authorities }: CertificateService, id: string): AuthorityFiles | undefined {
  const authority = authorities.get(id)
  if (!authority) return undefined
  const chain = authorities.chain(id).map(({ certificate }) => certificate)
  return {
    der: authority.certificate.der,
    chainPem: chain.map((one) => one.toPem()).join(''),
    pkcs7: encodeCertsOnly(chain),
  }
}

function estService({ config, certificates, store, clock }: PkiListenerOptions): EstService {
  const credentials = createCredentials()
  return new EstService({
    store,
    clock,
    authorities: certificates.authorities,
    issuance: certificates.issuance,
    orders: certificates.orders,
    organisation: config.pki.organisation,
    v2gAuthority: certificates.v2gAuthority,
    verifyPassword: (stationId, password, hash) => credentials.verify(stationId, hash, password),
  })
}
