/** Where a run stands: with the weights, everything that its future depends on. Stored as JSON in every checkpoint. */
export interface RunState {
  /** The epoch under way, from 1. */
  readonly epoch: number;
  /** Optimizer steps done in it. */
  readonly step: number;
  /** Halved by the rule of METHOD 4; the cosine of every epoch starts from it. */
  readonly baseLr: number;
  /** Evaluation losses since the last halving. */
  readonly history: readonly number[];
  /** Best AUC so far on the selecting split. */
  readonly bestAuc: number | null;
  /** Optimizer steps since the weights were drawn: batch norm's num_batches_tracked. */
  readonly batchesTracked: number;
  /** Images that training and evaluation have seen, for the display's rate. */
  readonly imagesSeen: number;
}

/** Before the first step; `behind` is where a weights-only file left off. */
export const initialState = (lr: number, behind = { epoch: 0, batchesTracked: 0 }): RunState => ({
  epoch: behind.epoch + 1,
  step: 0,
  baseLr: lr,
  history: [],
  bestAuc: null,
  batchesTracked: behind.batchesTracked,
  imagesSeen: 0,
});
