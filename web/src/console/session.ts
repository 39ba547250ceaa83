/** The administrator's token: kept for this tab, and until the browser closes it. */

const KEY = "motet.console.token";

export function keptToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

/** What was pasted, without what comes along: white space, a header's first word. */
export function cleaned(pasted: string): string {
  return pasted.trim().replace(/^(?:authorization:\s*)?bearer\s+/i, "");
}

/** Whether it can be sent at all. */
export function isSendable(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}

/** For display only, from a token that the server has accepted; an opaque one says nothing. */
export function claimsOf(token: string): { user: string; expires: number | null } | null {
  const part = token.split(".")[1];
  if (part === undefined) return null;
  try {
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; exp?: unknown } | null;
    if (typeof claims?.sub !== "string") return null;
    return { user: claims.sub, expires: typeof claims.exp === "number" ? claims.exp : null };
  } catch (error) {
    if (error instanceof DOMException || error instanceof SyntaxError) return null; // no JWT
    throw error;
  }
}
