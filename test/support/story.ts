// Apps whose lifespans, and whose errors, a test reads as a list of lines.

import type Koa from "koa";
import { App, type Lifespan } from "koa-subapps";

/** A lifespan that writes down when it starts and stops. */
export function noting(story: string[], name: string): Lifespan {
  return async function* () {
    story.push(`start ${name}`);
    yield;
    story.push(`stop ${name}`);
  };
}

/** An app whose one lifespan is such. */
export function living(story: string[], name: string): App {
  return new App().lifespan(noting(story, name));
}

/** Notes what is fired as `error`, by the app's name. */
export function errorsOf(apps: Record<string, Koa>): string[] {
  const fired: string[] = [];
  for (const [name, app] of Object.entries(apps)) {
    app.on("error", (error: Error) => fired.push(`${name}: ${error.message}`));
  }
  return fired;
}
