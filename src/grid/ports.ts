/** Port: signals of the grid (a grid operator, a market, an energy manager) about what a site may draw. */

/**
 * One word of a source. Every signal is a heartbeat; one that says nothing else is only that. `active: false` lifts
 * the source's limit while it stays in control.
 */
export interface GridSignal {
  readonly active?: boolean
  /** Amperes per phase or watts over all phases, as the source is configured. */
  readonly value?: number
  /** How long the limit stands; left out, until the next word. */
  readonly durationMs?: number
}

/** A source of signals on one node of a site. What holds when it falls silent is part of its configuration. */
export interface GridSourceConfig {
  /** How its signals come: `rest` is PUT /sites/{siteId}/sources/{sourceId}/signal. */
  readonly protocol: 'rest'
  readonly nodeId: string
  readonly unit: 'A' | 'W'
  /** Holds from the start until the source speaks, and whenever it has fallen silent. */
  readonly failsafeValue: number
  readonly heartbeatTimeoutMs: number
  /** How long the failsafe value holds at least, once the source is lost. */
  readonly failsafeDurationMs: number
  readonly afterFailsafe: 'hold' | 'release'
}

/** Where adapters deliver what they hear. False: there is no such source. */
export interface GridSignalSink {
  signal(siteId: string, sourceId: string, signal: GridSignal): Promise<boolean>
}

/** An adapter of one protocol (OpenADR, OSCP, EEBUS, ...). It keeps nothing: state and failsafe belong to the site. */
export interface GridSignalAdapter {
  start(sink: GridSignalSink): Promise<void>
  stop(): Promise<void>
}
