/** What the scorer hands to a scheduler (format slm-scenario/1). */
export interface ScenarioSite {
  readonly loads: readonly {
    readonly id: string
    readonly v_eff: number
    readonly pilots: readonly number[] | null
    readonly min_a: number
    readonly max_a: number
  }[]
  readonly constraints: readonly {
    readonly id: string
    readonly limit_a: number
    /** Load, coefficient, angle in degrees. */
    readonly terms: readonly (readonly [number, number, number])[]
  }[]
}

export interface ScenarioSession {
  readonly id: string
  readonly load: number
  readonly arrival: number
  readonly departure: number
  readonly requested_kwh: number
  readonly delivered_kwh: number
  readonly remaining_kwh: number
  readonly last_grant_a: number
  readonly last_draw_a: number
}

export interface ScenarioView {
  readonly t: number
  readonly period_s: number
  readonly limits_a: readonly number[]
  readonly price: readonly number[] | null
  readonly sessions: readonly ScenarioSession[]
}

export interface Scheduler {
  init(site: ScenarioSite): Promise<void>
  schedule(view: ScenarioView): Promise<Float64Array>
}
