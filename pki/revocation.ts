/** One answer for everyone who asks whether a certificate is revoked, wherever it comes from. */
export type RevocationVerdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly atMs?: number | undefined; readonly reason?: string | undefined }
  | { readonly kind: 'unknown' }
