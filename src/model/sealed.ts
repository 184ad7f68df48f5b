/** A secret that cannot get into a log, a dump or an error by accident: it has to be asked for by name. */
export class Sealed {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret itself. Only for where it is used. */
  reveal(): string {
    return this.#text;
  }

  equals(other: Sealed | undefined): boolean {
    return other !== undefined && other.#text === this.#text;
  }

  toString(): string {
    return '(secret)';
  }

  toJSON(): string {
    return '(secret)';
  }
}
