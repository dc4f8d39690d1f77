/** From facts to three sentences. Pure, so that every sentence can be tested. */

import { plural, since } from '../format.ts'
import { href } from '../router.ts'
import { gridOf, headroom, heldBack, isAbove, troubled } from '../site-facts.ts'
import { judgeTrust } from './judge-trust.ts'
import type { Facts } from './read.ts'
import { type Attention, type Verdict, worst } from './verdict.ts'

/** More than this many of a kind become one line with a link to the list. */
const LISTED = 5

export function judge(facts: Facts, nowMs: number): Verdict[] {
  return [stations(facts, nowMs), judgeTrust(facts, nowMs), energy(facts)]
}

function stations({ stations: all }: Facts, nowMs: number): Verdict {
  const active = all.filter((station) => station.enrolment === 'active')
  const offline = active.filter((station) => !station.online)
  const pending = all.filter((station) => station.enrolment === 'pending')
  const unencrypted = active.filter((station) => station.securityProfile === 1)
  const attention: Attention[] = []
  if (offline.length > LISTED)
    attention.push({
      tone: 'bad',
      about: 'Stations',
      text: `${plural(offline.length, 'station')} are offline.`,
      act: 'Show them',
      href: href(['stations'], { online: 'false' }),
    })
  else
    for (const { id, lastSeenAt } of offline)
      attention.push({
        tone: lastSeenAt === null ? 'warn' : 'bad',
        about: 'Stations',
        text:
          lastSeenAt === null
            ? `${id} has never connected.`
            : `${id} is offline; last seen ${since(lastSeenAt, nowMs)}.`,
        act: 'Open',
        href: href(['stations', id]),
      })
  if (pending.length > 0)
    attention.push({
      tone: 'warn',
      about: 'Stations',
      text: `${plural(pending.length, 'station')} connected without being registered.`,
      act: 'Decide',
      href: href(['stations'], { enrolment: 'pending' }),
    })
  if (unencrypted.length > 0)
    attention.push({
      tone: 'warn',
      about: 'Stations',
      text: `${plural(unencrypted.length, 'station')} without TLS (security profile 1).`,
      act: 'Show them',
      href: href(['stations'], { securityProfile: '1' }),
    })
  const online = active.length - offline.length
  return {
    about: 'Stations',
    place: 'stations',
    tone: all.length === 0 ? 'none' : worst(attention),
    sentence:
      all.length === 0
        ? 'No station is registered yet.'
        : offline.length === 0
          ? `All ${plural(active.length, 'station')} are online.`
          : `${online} of ${plural(active.length, 'station')} are online.`,
    detail: all.length === 0 ? 'Register one with gridkeep station add.' : securityDetail(active),
    attention,
  }
}

function securityDetail(active: Facts['stations']): string {
  const own = active.filter((station) => station.securityProfile === 3).length
  const tls = active.filter((station) => station.securityProfile === 2).length
  return `${own} prove themselves with a certificate, ${tls} with a password over TLS.`
}

function energy({ statuses }: Facts): Verdict {
  const all = [...statuses.values()].filter((status) => status.nodes.length > 0)
  const attention: Attention[] = []
  for (const status of all) {
    const open = { act: 'Open', href: href(['sites', status.siteId]) }
    for (const node of status.nodes.filter(isAbove))
      attention.push({
        tone: 'bad',
        about: 'Energy',
        text: `${status.siteId}: ${node.nodeId} draws more than its limit.`,
        ...open,
      })
    for (const { where, detail } of status.alarms)
      attention.push({
        tone: 'warn',
        about: 'Energy',
        text: `${status.siteId}, ${where}: ${detail}`,
        ...open,
      })
    const unsteered = troubled(status)
    if (unsteered.length > 0)
      attention.push({
        tone: 'warn',
        about: 'Energy',
        text: `${status.siteId}: ${plural(unsteered.length, 'EVSE')} cannot be steered (${unsteered
          .slice(0, 3)
          .map((evse) => `${evse.stationId}: ${evse.reason?.code}`)
          .join(', ')}).`,
        ...open,
      })
  }
  const charging = all.flatMap((status) => status.evses).filter((evse) => evse.transactionId !== null).length
  const held = all.flatMap(heldBack).length
  return {
    about: 'Energy',
    place: 'sites',
    tone: all.length === 0 ? 'none' : worst(attention),
    sentence: energySentence(all.length, attention),
    detail: `${plural(charging, 'car')} connected, ${held} held back by a limit. ${freeText(all)}`,
    attention,
  }
}

function energySentence(count: number, attention: readonly Attention[]): string {
  if (count === 0) return 'No site is steered yet.'
  if (attention.some((one) => one.tone === 'bad')) return 'A site draws more than its limit.'
  return count === 1
    ? 'The site is inside its grid connection.'
    : `All ${count} sites are inside their grid connections.`
}

function freeText(all: readonly import('../site-facts.ts').SiteStatus[]): string {
  const rooms = all.flatMap((status) => {
    const grid = gridOf(status)
    const room = grid && headroom(grid)
    return room ? [{ siteId: status.siteId, room }] : []
  })
  const tightest = rooms.sort((a, b) => a.room.freeA - b.room.freeA)[0]
  if (!tightest) return ''
  return `${Math.max(0, Math.round(tightest.room.freeA))} A free on the tightest phase (${tightest.siteId}, L${tightest.room.phase}).`
}
