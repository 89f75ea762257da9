import type { Position, Publication, Subscriber } from "koa-subapps";

/** Writes down all that a subscriber is told, one line each. */
export class Scribe implements Subscriber {
  readonly lines: string[] = [];
  /** Called after a message was written down. */
  heard: (publication: Publication) => void = () => {};

  message(publication: Publication): void {
    this.lines.push(`${publication.offset} ${publication.data}`);
    this.heard(publication);
  }

  signal(data: string): void {
    this.lines.push(`signal ${data}`);
  }

  epoch({ offset }: Position): void {
    this.lines.push(`epoch at ${offset}`);
  }
}
