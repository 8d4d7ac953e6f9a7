import { expect, test } from 'vitest';
import { cropAround, type Face, intersectionOverUnion, suppress } from '../../src/faces/box.js';
import { Tracker } from '../../src/faces/tracks.js';

const face = (x: number, y: number, side: number, score = 0.9): Face => ({
  x,
  y,
  width: side,
  height: side,
  score,
});

test('intersection over union, by hand', () => {
  expect(intersectionOverUnion(face(0, 0, 10), face(5, 0, 10))).toBeCloseTo(50 / 150, 12);
  expect(intersectionOverUnion(face(0, 0, 10), face(0, 0, 5))).toBeCloseTo(0.25, 12);
  expect(intersectionOverUnion(face(0, 0, 10), face(10, 0, 10))).toBe(0);
});

test('suppression keeps the surest of those that overlap', () => {
  const [a, b, c] = [face(0, 0, 10, 0.5), face(1, 0, 10, 0.8), face(30, 0, 10, 0.6)];
  expect(suppress([a, b, c], 0.4)).toEqual([b, c]);
  expect(suppress([a, b, c], 0.9)).toEqual([b, c, a]);
});

test('a crop is a square around the face that stays inside the picture', () => {
  const picture = { width: 200, height: 100 };
  expect(cropAround({ x: 80, y: 30, width: 30, height: 40 }, 1.5, picture)).toEqual({
    x: 65,
    y: 20,
    width: 60,
    height: 60,
  });
  expect(cropAround({ x: -10, y: 70, width: 40, height: 40 }, 1, picture)).toEqual({
    x: 0,
    y: 60,
    width: 40,
    height: 40,
  });
  expect(cropAround({ x: 50, y: 10, width: 90, height: 90 }, 1.3, picture)).toEqual({
    x: 45,
    y: 0,
    width: 100,
    height: 100,
  });
});

test('two people who pass each other stay two tracks, and the larger one is the main one', () => {
  const tracker = new Tracker();
  const ids = Array.from({ length: 11 }, (_, t) => {
    const [left, right] = [face(10 + 4 * t, 20, 30), face(120 - 2 * t, 20, 40)];
    // The order in which a detector gives faces says nothing.
    const tracks = tracker.add(t % 2 ? [right, left] : [left, right]).map(({ id }) => id);
    return t % 2 ? tracks.reverse() : tracks;
  });
  expect(new Set(ids.map(String))).toEqual(new Set(['0,1']));
  expect(tracker.main()!.id).toBe(1);
  expect(tracker.main()!.frames).toBe(11);
});

test('a face that jumps, or changes its size at once, begins a track of its own', () => {
  const tracker = new Tracker();
  const id = (...faces: Face[]) => tracker.add(faces).map((track) => track.id);
  expect(id(face(0, 0, 20))).toEqual([0]);
  expect(id(face(12, 5, 20))).toEqual([0]);
  expect(id(face(60, 5, 20))).toEqual([1]);
  expect(id(face(60, 5, 60))).toEqual([2]);
  expect(id()).toEqual([]);
  expect(id(face(13, 5, 20))).toEqual([0]);
});

test('without a face there is no main track', () => expect(new Tracker().main()).toBeUndefined());
