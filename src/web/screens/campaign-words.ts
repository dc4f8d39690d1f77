/** Campaigns in words: kinds, states, and the reasons that a preflight or a step gives. */

import type { Schemas } from '../api.ts'
import type { Tone } from '../tone.ts'

export type Campaign = Schemas['Campaign']
export type Kind = Schemas['CampaignKind']
export type StationState = Schemas['CampaignStation']['state']
export type Action = Schemas['CampaignAction']['action']

export const KIND: Readonly<Record<Kind, { readonly name: string; readonly what: string }>> = {
  roots: {
    name: 'Install or remove roots',
    what: 'Each station gets the chosen roots and loses the others; each step is confirmed by its inventory.',
  },
  'csms-root-rollover': {
    name: 'CSMS root rollover',
    what: 'The newest generation of the CSMS root goes to every station, then the server shows its chain, and the old root goes last. Make the new generation first.',
  },
  'server-chain': {
    name: 'CSMS server chain',
    what: 'The server shows a new chain, and each station is seen to come back under it.',
  },
  'station-leaf': {
    name: 'Station certificates',
    what: 'Each station asks for a new client certificate (security profile 3).',
  },
  'secc-leaf': {
    name: 'V2G certificates',
    what: 'Each station asks for new certificates towards cars, for each of its EVSEs.',
  },
  'basic-auth-password': {
    name: 'Passwords',
    what: 'Each station gets a new password of its own; the old one stays good until the new one was used.',
  },
  'security-profile': {
    name: 'Security profile upgrade',
    what: 'Each station moves to a higher profile, and cannot go back.',
  },
}

export const STATE_TONE: Readonly<Record<Campaign['state'], Tone>> = {
  planned: 'none',
  running: 'ok',
  paused: 'warn',
  halted: 'bad',
  'rolling-back': 'warn',
  finished: 'ok',
  'rolled-back': 'warn',
  cancelled: 'none',
}

/** In the order in which a bar shows them. */
export const STATION_STATES: readonly StationState[] = [
  'done',
  'running',
  'pending',
  'deferred',
  'failed',
  'straggler',
  'rolled-back',
  'excluded',
]

export const STATION_TONE: Readonly<Record<StationState, Tone>> = {
  done: 'ok',
  running: 'none',
  pending: 'none',
  deferred: 'warn',
  failed: 'bad',
  straggler: 'bad',
  'rolled-back': 'warn',
  excluded: 'none',
}

export const ACTIONS: readonly {
  readonly action: Action
  readonly name: string
  readonly from: readonly Campaign['state'][]
  readonly danger?: true
}[] = [
  { action: 'start', name: 'Start', from: ['planned'] },
  { action: 'pause', name: 'Pause', from: ['running'] },
  { action: 'resume', name: 'Resume', from: ['paused', 'halted'] },
  {
    action: 'rollback',
    name: 'Roll back',
    from: ['running', 'paused', 'halted', 'finished'],
    danger: true,
  },
  { action: 'cancel', name: 'Cancel', from: ['planned', 'running', 'paused', 'halted'], danger: true },
]

/** Words of src/certificates/fleet/plan.ts. */
const REASONS: Readonly<Record<string, string>> = {
  'not-active': 'pending or blocked',
  'registration-rejected': 'registration rejected',
  offline: 'offline now; taken when back',
  'clock-skew': 'clock off by more than an hour',
  'inventory-unknown': 'installed certificates not known; asked first',
  'no-tls': 'connected without TLS',
  'profile-too-low': 'security profile 1: roots are not sent over a plain connection',
  'nothing-to-do': 'already as wanted',
  'refused-before': 'refused one of these roots before',
  'store-full': 'certificate store full',
  'not-vouched-for': 'checks new roots, and no certificate vouches for this one',
  'no-client-certificate': 'not on security profile 3',
  'no-iso15118': 'no EVSE that speaks ISO 15118',
  'uses-certificate': 'no password: a certificate is used instead',
  'no-csms-root': 'no CSMS root installed: no way back over TLS',
  'no-station-certificate': 'no client certificate yet',
}

export function reasonText(reason: string | null): string {
  return (reason ?? '')
    .split(', ')
    .map((word) => REASONS[word] ?? word)
    .join('; ')
}
