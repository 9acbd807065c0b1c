/** A question in a dialog of the page. */
import { byId } from './dom.ts';

/** @returns what was written, or null where the answer is no. Without `value` there is nothing to write: '' is yes. */
export async function ask(question: string, yes: string, value?: string): Promise<string | null> {
  const dialog = byId<HTMLDialogElement>('ask');
  const input = byId<HTMLInputElement>('ask-input');
  byId('ask-text').textContent = question;
  byId('ask-yes').textContent = yes;
  input.hidden = value === undefined;
  input.value = value ?? '';
  dialog.returnValue = '';
  dialog.showModal();
  (value === undefined ? byId('ask-no') : input).focus();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'yes' ? input.value.trim() : null;
}
