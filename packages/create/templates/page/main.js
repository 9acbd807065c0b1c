import { useBackend } from '@chaingrad/core';
import { SSDMobileNetV2, toImage, visBbox } from '@chaingrad/vision';

const [file, status, canvas] = ['file', 'status', 'canvas'].map((id) => document.getElementById(id));

const backend = await useBackend('auto');
const detector = await SSDMobileNetV2.fromPretrained(); // 10 MB, checked and kept by the browser; or an address of your own
status.textContent = `Ready, on ${backend.name}. Choose a picture; it stays on this machine.`;
file.disabled = false;

file.addEventListener('change', async () => {
  const [chosen] = file.files;
  if (chosen === undefined) return;
  status.textContent = 'Looking …';
  try {
    const img = await toImage(chosen);
    const { bboxes, labels, scores } = await detector.predict([img], { scoreThresh: 0.4 });
    [canvas.height, canvas.width] = img.shape;
    canvas.hidden = false;
    const { labelNames } = detector;
    visBbox(canvas.getContext('2d'), img, bboxes[0], labels[0], scores[0], { labelNames });
    const names = Array.from(labels[0], (label) => labelNames[label]);
    status.textContent = names.length === 0 ? 'Nothing that the detector knows.' : names.join(', ');
  } catch (error) {
    status.textContent = error.message;
  }
});
