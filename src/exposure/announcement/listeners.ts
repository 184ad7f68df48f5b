/** Who wants to know. */
export interface Listeners<T> {
  /** Returns the way to stop. */
  add(callback: (news: T) => void): () => void;
  tell(news: T): void;
  clear(): void;
}

export function createListeners<T>(): Listeners<T> {
  const callbacks = new Set<(news: T) => void>();
  return {
    add: (callback) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    // A copy: who is told may stop listening, or begin.
    tell: (news) => [...callbacks].forEach((callback) => callback(news)),
    clear: () => callbacks.clear(),
  };
}
