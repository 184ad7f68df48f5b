/** What a workflow tells while it runs: facts, for any kind of rendering. */

export type StageState = 'waiting' | 'ready' | 'failed';

export type Step =
  /** Something has been done. */
  | { readonly kind: 'done'; readonly text: string }
  /** Nothing to stop for, but somebody should know. */
  | { readonly kind: 'warning'; readonly text: string }
  /** How far a stage has got. Told again whenever state, reason or message change. */
  | {
      readonly kind: 'stage';
      /** `address`, `owner`, `router` … */
      readonly stage: string;
      readonly state: StageState;
      readonly reason: string;
      readonly message: string;
    };

export function done(text: string): Step {
  return { kind: 'done', text };
}
export function warning(text: string): Step {
  return { kind: 'warning', text };
}
export function stageStep(stage: string, state: StageState, reason: string, message: string): Step {
  return { kind: 'stage', stage, state, reason, message };
}
