import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import {
  Certificate,
  Crl,
  crlRevocation,
  KEY_USAGE_NAMES,
  type KeyUsageName,
  OID,
  type PathRequest,
  type PathResult,
  type PeerName,
  PkiError,
  validatePath,
} from '../../pki/index.ts'

interface NamedPeer {
  readonly kind: string
  readonly value: string
}

/** The parts of the x509-limbo format (version 1) that decide a case. What a suite may leave out is optional. */
export interface PathCase {
  readonly id: string
  readonly validation_kind?: 'SERVER' | 'CLIENT'
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates?: readonly string[] | null
  readonly peer_certificate: string
  readonly validation_time?: string | null
  readonly key_usage?: readonly string[] | null
  readonly extended_key_usage?: readonly string[] | null
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly expected_peer_name?: NamedPeer | null
  readonly expected_peer_names?: readonly NamedPeer[] | null
  readonly max_chain_depth?: number | null
  readonly crls?: readonly string[] | null
}

export interface PathOutcome {
  readonly name: string
  readonly pass: boolean
  readonly ms: number
  readonly detail: string
}

const USAGES: Readonly<Record<string, string>> = {
  anyExtendedKeyUsage: OID.anyExtendedKeyUsage,
  serverAuth: OID.serverAuth,
  clientAuth: OID.clientAuth,
  codeSigning: OID.codeSigning,
  emailProtection: OID.emailProtection,
  timeStamping: OID.timeStamping,
  OCSPSigning: OID.ocspSigning,
}
/**
 * The cases of x509-limbo itself also expect a validator to enforce what RFC 5280 section 4 asks of issuers. Other suites
 * that come in its format (BetterTLS, NIST's) are about path validation, which is section 6.
 */
const ASKS_FOR_PROFILE = /^(rfc5280|webpki|pathlen|pathological|crl|cve|online|invalid)::/
const PEER_KINDS: Readonly<Record<string, PeerName['kind']>> = { DNS: 'dns', IP: 'ip', RFC822: 'email' }

/** Servers are asked for one name, clients for all of a list. */
function peerNames(test: PathCase): PeerName[] {
  const one = test.expected_peer_name ?? undefined
  return [...(one === undefined ? [] : [one]), ...(test.expected_peer_names ?? [])].map(({ kind, value }) => {
    const known = PEER_KINDS[kind]
    if (known === undefined) throw new Error(`peer name kind ${kind} is not known`)
    return { kind: known, value }
  })
}

const parseAll = (pems: readonly string[]): Certificate[] =>
  // One that cannot be read is no candidate; a path that needs it fails by its absence.
  pems.flatMap((pem) => {
    try {
      return [Certificate.parse(pem)]
    } catch (error) {
      if (error instanceof PkiError) return []
      throw error
    }
  })

function usagesOf(test: PathCase): string[] {
  const listed = test.extended_key_usage ?? []
  if (listed.length > 0) return listed.map((name) => USAGES[name] ?? name)
  if (test.validation_kind === 'SERVER') return [OID.serverAuth]
  return test.validation_kind === 'CLIENT' ? [OID.clientAuth] : []
}

/** The format's key usage names are RFC 5280's, except that a few suites write contentCommitment. */
function keyUsagesOf(test: PathCase): KeyUsageName[] {
  return (test.key_usage ?? []).map((name) => {
    const known = KEY_USAGE_NAMES.find(
      (usage) => usage === (name === 'contentCommitment' ? 'nonRepudiation' : name),
    )
    if (known === undefined) throw new Error(`key usage ${name} is not known`)
    return known
  })
}

function revocationOf(
  test: PathCase,
  anchors: readonly Certificate[],
  pool: readonly Certificate[],
  atMs: number,
) {
  const texts = test.crls ?? []
  if (texts.length === 0) return undefined
  const crls = texts.flatMap((text) => {
    try {
      return [Crl.parse(text)]
    } catch (error) {
      if (error instanceof PkiError) return []
      throw error
    }
  })
  return crlRevocation({ crls, pool, anchors, atMs })
}

/** Validates one case, without looking at what is expected. */
export function validateCase(test: PathCase): PathResult {
  const atMs = test.validation_time ? Date.parse(test.validation_time) : Date.now()
  if (Number.isNaN(atMs)) throw new Error(`validation_time ${test.validation_time} is not a time`)
  const anchors = parseAll(test.trusted_certs)
  const intermediates = parseAll(test.untrusted_intermediates ?? [])
  let leaf: Certificate
  try {
    leaf = Certificate.parse(test.peer_certificate)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    return { ok: false, reason: 'malformed', message: error.message, certificate: undefined }
  }
  const revocation = revocationOf(test, anchors, intermediates, atMs)
  const request: PathRequest = {
    leaf,
    intermediates,
    anchors,
    atMs,
    strictness: ASKS_FOR_PROFILE.test(test.id) ? 'profile' : 'section6',
    extendedKeyUsage: usagesOf(test),
    leafKeyUsage: keyUsagesOf(test),
    peerName: peerNames(test),
    ...(typeof test.max_chain_depth === 'number' ? { maxDepth: test.max_chain_depth } : {}),
    ...(revocation === undefined ? {} : { revocation }),
  }
  return validatePath(request)
}

/** A case slower than this is measured again: on a shared machine the clock counts the neighbours in, too. */
const DOUBTFUL_MS = 50
const MAX_MEASUREMENTS = 6

function timed(test: PathCase): { readonly result: PathResult; readonly ms: number } {
  const start = performance.now()
  const result = validateCase(test)
  return { result, ms: performance.now() - start }
}

/** What one case cannot be asked is that case's failure, not the end of the run. */
function failed(test: PathCase | null, error: unknown): PathOutcome {
  return { name: String(test?.id), pass: false, ms: 0, detail: `the case cannot be run: ${String(error)}` }
}

/** Validates one case and compares; `ms` is the best of up to six runs where the first was slow. */
export function judgeCase(test: PathCase): PathOutcome {
  try {
    return judge(test)
  } catch (error) {
    return failed(test, error)
  }
}

function judge(test: PathCase): PathOutcome {
  const first = timed(test)
  let ms = first.ms
  for (let run = 1; run < MAX_MEASUREMENTS && ms > DOUBTFUL_MS; run++) ms = Math.min(ms, timed(test).ms)
  const { result } = first
  const pass = result.ok === (test.expected_result === 'SUCCESS')
  const answer = result.ok
    ? `accepted a chain of ${result.chain.length}`
    : `${result.reason}: ${result.message}`
  return {
    name: test.id,
    pass,
    ms: Math.round(ms * 100) / 100,
    detail: pass ? answer : `expected ${test.expected_result}; ${answer}`,
  }
}

/** Reads the cases of a `.json` or `.json.gz` file in the x509-limbo format. */
export function readCases(file: string): PathCase[] {
  const bytes = readFileSync(file)
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  const parsed: unknown = JSON.parse(text)
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    !('testcases' in parsed) ||
    !Array.isArray(parsed.testcases)
  ) {
    throw new Error(`${file} is not in the x509-limbo format: it has no list "testcases"`)
  }
  return parsed.testcases
}

/** One JSON line per case, then one with the counts. The answer is whether every case passed. */
export async function runPaths(file: string, print: (line: string) => void): Promise<boolean> {
  const cases = readCases(file)
  const counts = { total: cases.length, passed: 0, failed: 0, falseAccepts: 0, falseRejects: 0, slowestMs: 0 }
  for (const test of cases) {
    const outcome = judgeCase(test)
    print(JSON.stringify(outcome))
    counts.slowestMs = Math.max(counts.slowestMs, outcome.ms)
    if (outcome.pass) counts.passed++
    else {
      counts.failed++
      if (test?.expected_result === 'FAILURE') counts.falseAccepts++
      else counts.falseRejects++
    }
  }
  print(JSON.stringify(counts))
  return counts.failed === 0
}
