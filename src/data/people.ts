/** Who is in a clip, by the file names of the five data sets. A forgery shows two people: both must stay on one side of a split. */
import { basename, extname } from 'node:path';

const VIDEO = /\.(mp4|avi|mov|mkv|webm|m4v)$/i;
export const isVideo = (name: string): boolean => VIDEO.test(name) && !name.startsWith('.');

/** A file or folder name without folders and video extension. */
export const stemOf = (path: string): string => {
  const name = basename(path.replaceAll('\\', '/'));
  return isVideo(name) ? name.slice(0, -extname(name).length) : name;
};

/**
 * People of a clip, as far as its path tells:
 * - FF++: `071` and `071_054` (target and source of the face) are videos of people who occur once;
 * - Celeb-DF: `id3_0005` and `id3_id16_0005` name people, `00170` (YouTube-real) is a person of its own;
 * - DFDC-Preview: `.../1003254/1003254_A_001` names an actor;
 * - anything else is a person of its own, the path's last part.
 */
export function peopleOf(path: string): string[] {
  const stem = stemOf(path);
  const celebrities = /^(id\d+)(?:_(id\d+))?_\d+$/.exec(stem);
  if (celebrities) return celebrities.slice(1).filter((id) => id !== undefined);
  const videos = /^(\d{3})(?:_(\d{3}))?$/.exec(stem);
  if (videos) return videos.slice(1).filter((id) => id !== undefined);
  const actor = /(?:^|\/)(\d+)\/\1_[^/]+$/.exec(path.replaceAll('\\', '/'));
  return [actor?.[1] ?? stem];
}
