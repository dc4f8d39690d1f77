/** The sentence about certificates, and what of them needs attention. Pure. */

import { commonName, DAY_MS, duration, plural } from '../format.ts'
import { href } from '../router.ts'
import type { Facts } from './read.ts'
import { type Attention, type Verdict, worst } from './verdict.ts'

const SOON_DAYS = 30
type Item = Omit<Attention, 'about'>

export function judgeTrust(facts: Facts, nowMs: number): Verdict {
  const { certificates, authorities } = facts
  const valid = certificates.filter((one) => one.revokedAt === null && Date.parse(one.notAfter) > nowMs)
  const attention = [
    ...endingAuthorities(facts, nowMs),
    ...haltedCampaigns(facts),
    ...staleAnswers(facts, nowMs),
    ...failedRequests(facts),
    ...endingCertificates(valid, nowMs),
  ].map((item): Attention => ({ ...item, about: 'Trust' }))
  return {
    about: 'Trust',
    place: 'certificates',
    tone: authorities.length === 0 && attention.length === 0 ? 'none' : worst(attention),
    sentence:
      valid.length === 0
        ? 'No certificate was issued yet.'
        : attention.length === 0
          ? `All ${plural(valid.length, 'certificate')} are in order.`
          : `${plural(valid.length, 'valid certificate')}, ${plural(attention.length, 'thing')} to look at.`,
    detail: `${plural(authorities.length, 'authority', 'authorities')}; ${nextEnd(valid, nowMs)}`,
    attention,
  }
}

function endingAuthorities({ authorities }: Facts, nowMs: number): Item[] {
  return authorities
    .filter((one) => endsWithin(one, 90, nowMs))
    .map((authority) => ({
      tone: endsWithin(authority, SOON_DAYS, nowMs) ? 'bad' : 'warn',
      text: `The authority ${commonName(authority.subject)} ${ending(authority.notAfter, nowMs)}.`,
      act: 'Open',
      href: href(['authorities']),
    }))
}

function haltedCampaigns({ campaigns }: Facts): Item[] {
  return campaigns
    .filter(({ state }) => state === 'halted')
    .map(({ id, name, detail }) => ({
      tone: 'bad',
      text: `The campaign ${name} has halted${detail === null ? '.' : `: ${detail}`}`,
      act: 'Decide',
      href: href(['campaigns', id]),
    }))
}

function staleAnswers({ freshness }: Facts, nowMs: number): Item[] {
  return freshness
    .filter(({ until }) => Date.parse(until) <= nowMs)
    .map(({ what }) => ({
      tone: 'bad',
      text: `${what} is stale: cars and stations refuse what they cannot check.`,
      act: 'Open',
      href: href(['authorities']),
    }))
}

function failedRequests({ orders }: Facts): Item[] {
  const failed = orders.filter((order) => order.state === 'failed' || order.state === 'rejected')
  const [first] = failed
  if (first === undefined) return []
  return [
    {
      tone: 'bad',
      text: `${plural(failed.length, 'certificate request')} failed: ${first.stationId}${first.detail ? `, ${first.detail}` : ''}.`,
      act: 'Show them',
      href: href(['issuance'], { state: first.state }),
    },
  ]
}

/** Short-lived certificates are renewed by themselves shortly before their end. */
function endingCertificates(valid: readonly Validity[], nowMs: number): Item[] {
  const soon = valid.filter(
    (one) => endsWithin(one, SOON_DAYS, nowMs) && lifetimeMs(one) > 2 * SOON_DAYS * DAY_MS,
  )
  if (soon.length === 0) return []
  return [
    {
      tone: soon.some((one) => endsWithin(one, 7, nowMs)) ? 'bad' : 'warn',
      text: `${plural(soon.length, 'certificate')} ${soon.length === 1 ? 'expires' : 'expire'} within ${SOON_DAYS} days.`,
      act: 'Show them',
      href: href(['certificates'], { expiry: '30' }),
    },
  ]
}

interface Validity {
  readonly notBefore: string
  readonly notAfter: string
}

const lifetimeMs = (one: Validity): number => Date.parse(one.notAfter) - Date.parse(one.notBefore)

function endsWithin(one: Validity, days: number, nowMs: number): boolean {
  return Date.parse(one.notAfter) < nowMs + days * DAY_MS
}

function ending(notAfter: string, nowMs: number): string {
  const leftMs = Date.parse(notAfter) - nowMs
  return leftMs <= 0 ? 'has expired' : `expires in ${duration(leftMs)}`
}

function nextEnd(valid: readonly Validity[], nowMs: number): string {
  const ends = valid.map((one) => Date.parse(one.notAfter))
  return ends.length === 0
    ? 'nothing expires.'
    : `the next expires in ${duration(Math.min(...ends) - nowMs)}.`
}
