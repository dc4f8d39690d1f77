/**
 * How a limit source is trusted over time: the state machine of the EEBUS use case "limitation of power
 * consumption", used for every source that promises heartbeats. Pure: feed it events, ask it for its state.
 */
export type SourceState = 'init' | 'limited' | 'unlimited-controlled' | 'failsafe' | 'unlimited-autonomous'

export interface SourceWatchConfig {
  /** Without a heartbeat for this long the source is lost. 120 s in the EEBUS use case. */
  readonly heartbeatTimeoutMs: number
  /** The failsafe limit holds this long after the source was lost. 2 to 24 h in the use case, 2 h by default. */
  readonly failsafeDurationMs: number
  /** How long to wait for a limit after start, or once a lost source is heard again. 120 s in the use case. */
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
  /** First heartbeat since this state was entered: in the failsafe, the wait for a limit counts from here. */
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

/**
 * A limit counts only from a source that is there. Who is not in control yet, or was lost, must have been heard within
 * half the time that a loss takes: 60 s in the use case.
 */
function takeLimit(
  watch: SourceWatch,
  event: SourceEvent & { kind: 'limit' },
  config: SourceWatchConfig,
): SourceWatch {
  const controlled = watch.state === 'limited' || watch.state === 'unlimited-controlled'
  const withinMs = config.heartbeatTimeoutMs / (controlled ? 1 : 2)
  if (!heardWithin(watch, event.atMs, withinMs)) return watch
  const limitUntilMs = event.active && event.durationMs !== undefined ? event.atMs + event.durationMs : null
  const state: SourceState = event.active ? 'limited' : 'unlimited-controlled'
  return { ...watch, state, sinceMs: event.atMs, heartbeatBackMs: null, limitUntilMs }
}

function heardWithin(watch: SourceWatch, nowMs: number, withinMs: number): boolean {
  return watch.lastHeartbeatMs !== null && nowMs - watch.lastHeartbeatMs <= withinMs
}

function age(watch: SourceWatch, nowMs: number, config: SourceWatchConfig): SourceWatch {
  const { limitUntilMs } = watch
  switch (watch.state) {
    case 'limited':
    case 'unlimited-controlled':
      if (!heardWithin(watch, nowMs, config.heartbeatTimeoutMs))
        return enter(watch, 'failsafe', lostAt(watch, config))
      if (limitUntilMs === null || nowMs < limitUntilMs) return watch
      return enter(watch, 'unlimited-controlled', limitUntilMs)
    case 'init':
    case 'failsafe':
      return ageWaiting(watch, nowMs, config)
    case 'unlimited-autonomous':
      return watch
  }
}

/**
 * Init ends by itself after the wait for a limit. The failsafe ends after its duration, or when a source that is heard
 * again sends no limit within the wait, whichever comes first. With `hold` neither ends without a limit.
 */
function ageWaiting(watch: SourceWatch, nowMs: number, config: SourceWatchConfig): SourceWatch {
  if (config.afterFailsafe === 'hold') return watch
  const { sinceMs, heartbeatBackMs } = watch
  const releaseMs =
    watch.state === 'init'
      ? sinceMs + config.limitWaitMs
      : Math.min(
          sinceMs + config.failsafeDurationMs,
          (heartbeatBackMs ?? Number.POSITIVE_INFINITY) + config.limitWaitMs,
        )
  return nowMs >= releaseMs ? enter(watch, 'unlimited-autonomous', releaseMs) : watch
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
