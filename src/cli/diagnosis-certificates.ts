/** The part of `gridkeep doctor` that looks at certificates. */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Config } from '../config.ts'
import type { AuthorityRecord } from '../store/certificates.ts'
import type { Finding } from './finding.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 30
const AUTHORITY_SOON_DAYS = 90

/** The files that are configured: readable, a pair, in force, and for the names that stations dial. */
export async function examineTlsFiles(config: Config, nowMs: number): Promise<Finding[]> {
  const { http, ocpp } = config
  const pairs = [
    { check: 'TLS of http', certFile: http.tlsCertFile, keyFile: http.tlsKeyFile, names: [] },
    {
      check: 'TLS of ocpp.wss',
      certFile: ocpp.wss.certFile,
      keyFile: ocpp.wss.keyFile,
      names: config.pki.serverNames,
    },
    {
      check: 'TLS of ocpp.wss (RSA)',
      certFile: ocpp.wss.rsaCertFile,
      keyFile: ocpp.wss.rsaKeyFile,
      names: config.pki.serverNames,
    },
  ]
  const findings = pairs.map(async ({ check, certFile, keyFile, names }) => {
    if (certFile === null || keyFile === null) return []
    return [await examinePair({ check, certFile, keyFile, names, nowMs })]
  })
  return (await Promise.all(findings)).flat()
}

async function examinePair(options: {
  readonly check: string
  readonly certFile: string
  readonly keyFile: string
  readonly names: readonly string[]
  readonly nowMs: number
}): Promise<Finding> {
  const { check, certFile, keyFile, names, nowMs } = options
  try {
    const certificate = new X509Certificate(await readFile(certFile))
    if (!certificate.checkPrivateKey(createPrivateKey(await readFile(keyFile))))
      return {
        check,
        state: 'fail',
        detail: `${keyFile} is not the key of ${certFile}`,
        advice: 'Use the pair that belongs together.',
      }
    const missing = names.filter((name) => !covers(certificate, name))
    if (missing.length > 0)
      return {
        check,
        state: 'warn',
        detail: `${certFile} is not for ${missing.join(', ')}`,
        advice: 'Have it issued for every name in pki.serverNames, or correct that list.',
      }
    return validity({ check, subject: certFile, certificate, nowMs, soonDays: SOON_DAYS })
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return {
      check,
      state: 'fail',
      detail,
      advice: `Check ${certFile} and ${keyFile}: PEM, readable by the service.`,
    }
  }
}

function covers(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined
}

export function examineAuthorities(authorities: readonly AuthorityRecord[], nowMs: number): Finding[] {
  return authorities.map((authority) =>
    validity({
      check: `authority ${authority.id}`,
      subject: 'certificate',
      certificate: new X509Certificate(authority.certificateDer),
      nowMs,
      soonDays: AUTHORITY_SOON_DAYS,
    }),
  )
}

function validity(options: {
  readonly check: string
  readonly subject: string
  readonly certificate: X509Certificate
  readonly nowMs: number
  readonly soonDays: number
}): Finding {
  const { check, subject, certificate, nowMs, soonDays } = options
  const fromMs = Date.parse(certificate.validFrom)
  const toMs = Date.parse(certificate.validTo)
  const end = new Date(toMs).toISOString().slice(0, 10)
  if (nowMs < fromMs)
    return {
      check,
      state: 'fail',
      detail: `${subject} is not valid yet`,
      advice: 'Check the clock of this machine.',
    }
  if (nowMs >= toMs)
    return { check, state: 'fail', detail: `${subject} expired on ${end}`, advice: 'Replace it.' }
  const days = Math.floor((toMs - nowMs) / DAY_MS)
  if (days < soonDays)
    return {
      check,
      state: 'warn',
      detail: `${subject} expires in ${days} days`,
      advice: `Replace it before ${end}.`,
    }
  return { check, state: 'ok', detail: `${subject} is valid until ${end}`, advice: null }
}
