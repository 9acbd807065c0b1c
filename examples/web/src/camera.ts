/** The camera, for one view at a time. */

export class Camera {
  #stream: MediaStream | null = null;

  constructor(readonly video: HTMLVideoElement) {}

  get isOn(): boolean {
    return this.#stream !== null;
  }

  async start(): Promise<void> {
    if (navigator.mediaDevices === undefined)
      throw new Error(
        'A camera needs https: start the server with --lan, and open the address that it prints.',
      );
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
    } catch {
      throw new Error('There is no camera, or this page may not use it.');
    }
    this.video.srcObject = this.#stream;
    await this.video.play();
  }

  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }

  picture(): Promise<ImageBitmap> {
    return createImageBitmap(this.video);
  }
}
