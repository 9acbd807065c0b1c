/** Files of the Hugging Face hub by a short address. */
import { node } from './node.ts';
import { SourceError } from './source-error.ts';

const server = 'https://huggingface.co';

/** One part of a path: no query, no way up. */
const isPart = (part: string): boolean => /^[^?#\\]+$/.test(part) && part !== '.' && part !== '..';

/**
 * The address of `hf:owner/name/file`, or of `hf:owner/name@revision/file`, a branch, a tag or a commit; null for any other source.
 * In Node the variable `HF_ENDPOINT` names another server, as for the hub's own programs.
 * @throws SourceError where a part is missing.
 */
export function hubAddress(source: string): string | null {
  if (!/^hf:/i.test(source)) return null;
  const [owner = '', named = '', ...path] = source.slice(3).split('/');
  const [name = '', revision = 'main', ...rest] = named.split('@');
  const parts = [owner, name, revision, ...path];
  if (path.length === 0 || rest.length > 0 || !parts.every(isPart)) {
    const advice = 'For example hf:timm/resnet18.a1_in1k/model.safetensors.';
    throw new SourceError(source, 'hf:owner/name/file, or hf:owner/name@revision/file', source, advice);
  }
  const endpoint = (node() === null ? undefined : process.env['HF_ENDPOINT']) || server;
  const at = [owner, name, 'resolve', revision, ...path].map(encodeURIComponent).join('/');
  return `${endpoint.replace(/\/+$/, '')}/${at}`;
}
