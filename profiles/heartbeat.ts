/**
 * How a limit source is trusted over time: the state machine of the EEBUS use case "limitation of power
 * consumption", used for every source that promises heartbeats. Pure: feed it events, ask it for its state.
 */
export type SourceState = 'init' | 'limited' | 'unlimited-controlled' | 'failsafe' | 'unlimited-autonomous'

export interface SourceWatchConfig {
  /** Without a heartbeat for this long the source is lost. 120 s in the EEBUS use case. */
  readonly heartbeatTimeoutMs: number
  /** The failsafe limit holds at least this long after the source was lost. 2 h by default in the use case. */
  readonly failsafeDurationMs: number
  /** How long to wait for a limit once heartbeats are back, or after start. 120 s in the use case. */
  readonly limitWaitMs: number
  /**
   * What follows when the failsafe duration has passed without a word. The use case allows `release`;
   * `hold` keeps the failsafe limit until the source is back and is the default of this core.
   */
  readonly afterFailsafe: 'hold' | 'release'
}

export const DEFAULT_WATCH: SourceWatchConfig = {
  heartbeatTimeoutMs: 120_000,
  failsafeDurationMs: 7_200_000,
  limitWaitMs: 120_000,
  afterFailsafe: 'hold',
}

export interface SourceWatch {
  readonly state: SourceState
  readonly sinceMs: number
  readonly lastHeartbeatMs: number | null
  /** First heartbeat after start or failsafe: the wait for a limit counts from here. */
  readonly heartbeatBackMs: number | null
  /** When the limit in force ends; `null` means it does not expire. */
  readonly limitUntilMs: number | null
}

export type SourceEvent =
  | { readonly kind: 'heartbeat'; readonly atMs: number }
  | { readonly kind: 'limit'; readonly atMs: number; readonly active: boolean; readonly durationMs?: number }
  | { readonly kind: 'tick'; readonly atMs: number }

/** A source that has just been started: the failsafe limit holds until it speaks. */
export function startWatch(atMs: number): SourceWatch {
  return { state: 'init', sinceMs: atMs, lastHeartbeatMs: null, heartbeatBackMs: null, limitUntilMs: null }
}

/** The state after one event. Time that passed before the event counts first, so late events cannot skip a failsafe. */
export function reduceWatch(watch: SourceWatch, event: SourceEvent, config: SourceWatchConfig): SourceWatch {
  const aged = age(watch, event.atMs, config)
  if (event.kind === 'tick') return aged
  if (event.kind === 'heartbeat') {
    const heartbeatBackMs = aged.heartbeatBackMs ?? event.atMs
    return { ...aged, lastHeartbeatMs: event.atMs, heartbeatBackMs }
  }
  return takeLimit(aged, event, config)
}

/** A limit counts only from a source whose heartbeat is alive; the use case demands both to leave init and failsafe. */
function takeLimit(
  watch: SourceWatch,
  event: SourceEvent & { kind: 'limit' },
  config: SourceWatchConfig,
): SourceWatch {
  if (!heartbeatAlive(watch, event.atMs, config)) return watch
  const limitUntilMs = event.active && event.durationMs !== undefined ? event.atMs + event.durationMs : null
  const state: SourceState = event.active ? 'limited' : 'unlimited-controlled'
  return { ...watch, state, sinceMs: event.atMs, heartbeatBackMs: null, limitUntilMs }
}

function heartbeatAlive(watch: SourceWatch, nowMs: number, config: SourceWatchConfig): boolean {
  return watch.lastHeartbeatMs !== null && nowMs - watch.lastHeartbeatMs <= config.heartbeatTimeoutMs
}

function age(watch: SourceWatch, nowMs: number, config: SourceWatchConfig): SourceWatch {
  const alive = heartbeatAlive(watch, nowMs, config)
  switch (watch.state) {
    case 'limited':
      if (!alive) return enter(watch, 'failsafe', lostAt(watch, config))
      if (watch.limitUntilMs !== null && nowMs >= watch.limitUntilMs) {
        return {
          ...enter(watch, 'unlimited-controlled', watch.limitUntilMs),
          lastHeartbeatMs: watch.lastHeartbeatMs,
        }
      }
      return watch
    case 'unlimited-controlled':
      return alive ? watch : enter(watch, 'failsafe', lostAt(watch, config))
    case 'init':
    case 'failsafe':
      return ageWaiting(watch, nowMs, config, alive)
    case 'unlimited-autonomous':
      return watch
  }
}

/** In init and failsafe: either the source came back and sends no limit, or nothing came for long enough. */
function ageWaiting(
  watch: SourceWatch,
  nowMs: number,
  config: SourceWatchConfig,
  alive: boolean,
): SourceWatch {
  const back = alive ? watch.heartbeatBackMs : null
  if (config.afterFailsafe === 'hold')
    return back === watch.heartbeatBackMs ? watch : { ...watch, heartbeatBackMs: back }
  if (back !== null && nowMs - back >= config.limitWaitMs) return enter(watch, 'unlimited-autonomous', nowMs)
  const waitMs = watch.state === 'init' ? config.limitWaitMs : config.failsafeDurationMs
  if (!alive && nowMs - watch.sinceMs >= waitMs)
    return enter(watch, 'unlimited-autonomous', watch.sinceMs + waitMs)
  return back === watch.heartbeatBackMs ? watch : { ...watch, heartbeatBackMs: back }
}

function lostAt(watch: SourceWatch, config: SourceWatchConfig): number {
  return (watch.lastHeartbeatMs ?? watch.sinceMs) + config.heartbeatTimeoutMs
}

function enter(watch: SourceWatch, state: SourceState, sinceMs: number): SourceWatch {
  return { ...watch, state, sinceMs, heartbeatBackMs: null, limitUntilMs: null }
}

/** Which value of the source holds in a state: its limit, its failsafe value, or none. */
export function ruleOf(watch: SourceWatch): 'limit' | 'failsafe' | 'none' {
  if (watch.state === 'limited') return 'limit'
  return watch.state === 'init' || watch.state === 'failsafe' ? 'failsafe' : 'none'
}
