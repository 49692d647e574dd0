// Asking the server of the page.

export type Answer<T> = { readonly rows: T } | { readonly error: string };

/** Sends a question as JSON; gives the answer, or what is wrong. */
export async function ask<T>(path: string, question: unknown, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(question),
      ...(signal && { signal }),
    });
    const text = await response.text();
    if (response.ok) return { rows: JSON.parse(text) as T };
    return { error: problem(text) };
  } catch (error) {
    return { error: `The server does not answer: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** The server's message; what is no JSON is the message itself. */
function problem(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === "string" ? error : text;
  } catch {
    return text;
  }
}
