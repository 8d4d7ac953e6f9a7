export interface Summary {
  readonly norm: number;
  readonly head: readonly number[];
}

type Logits = readonly (readonly number[])[];

export interface HeadValues {
  readonly z: Logits;
  readonly f: Logits;
  readonly locals: readonly Logits[];
}

export interface StepLosses {
  readonly ce: number;
  readonly gil: number;
  readonly lil: number;
  readonly total: number;
}

export interface FirstStep extends StepLosses, HeadValues {
  readonly grads: Readonly<Record<string, Summary>>;
  readonly awl_grad: readonly number[];
  readonly running: Readonly<Record<string, Summary>>;
}

/** A golden file of a whole network (METHOD 8). */
export interface GoldenNet {
  readonly name: string;
  readonly model: string;
  readonly n: number;
  readonly B: number;
  readonly S: number;
  readonly mi: 'kl' | 'w' | 'wp';
  readonly y: readonly number[];
  readonly eval: HeadValues;
  readonly steps: readonly [FirstStep, ...StepLosses[]];
  readonly awl_after: readonly number[];
  readonly running_after: Readonly<Record<string, Summary>>;
}
