/** How something stands; each has a colour, a sign and words. */
export type Tone = 'ok' | 'warn' | 'bad' | 'none'
