/** Questions as the wizard asks them, and inquirer as who asks. */
import { createPromptModule } from 'inquirer';

export interface Choice<T extends string> {
  readonly value: T;
  readonly name: string;
}

export interface InputQuestion {
  readonly message: string;
  readonly default?: string;
  /** What is wrong with an answer; undefined: nothing. */
  readonly refuse?: (text: string) => string | undefined;
}

/** Every method rejects with inquirer's ExitPromptError at Ctrl-C, which ends a command with 130. */
export interface Asker {
  input(question: InputQuestion): Promise<string>;
  select<T extends string>(message: string, choices: readonly Choice<T>[]): Promise<T>;
  confirm(message: string, byDefault: boolean): Promise<boolean>;
  /** Not shown while it is typed. */
  secret(message: string): Promise<string>;
  /** Tells something between two questions. */
  say(text: string): void;
}

/** On a terminal; questions and what is said go to stderr. */
export function createTerminalAsker(): Asker {
  const prompt = createPromptModule({ output: process.stderr });
  const validate = (refuse: InputQuestion['refuse']) => (text: string) => refuse?.(text.trim()) ?? true;
  return {
    input: async ({ message, default: byDefault, refuse }) => {
      const { answer } = await prompt<{ answer: string }>([
        {
          type: 'input',
          name: 'answer',
          message,
          validate: validate(refuse),
          ...(byDefault === undefined ? {} : { default: byDefault }),
        },
      ]);
      return answer.trim();
    },
    select: async (message, choices) => {
      const { answer } = await prompt<{ answer: string }>([{ type: 'select', name: 'answer', message, choices }]);
      const chosen = choices.find(({ value }) => value === answer);
      if (chosen === undefined) throw new TypeError(`not a choice: ${answer}`);
      return chosen.value;
    },
    confirm: async (message, byDefault) => {
      const { answer } = await prompt<{ answer: boolean }>([
        { type: 'confirm', name: 'answer', message, default: byDefault },
      ]);
      return answer;
    },
    secret: async (message) => {
      const { answer } = await prompt<{ answer: string }>([{ type: 'password', name: 'answer', message, mask: '*' }]);
      return answer.trim();
    },
    say: (text) => void process.stderr.write(`${text}\n`),
  };
}
