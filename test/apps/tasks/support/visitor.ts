import assert from "node:assert/strict";
import type { ConnectOptions, TestClient } from "koa-subapps/testing";

/** What a test talks to an app through: a client that keeps no cookies, or a {@link Visitor}. */
export type Talks = Pick<TestClient, "url" | "fetch" | "connect">;

/** A client that keeps the cookie it was given, as a browser does. */
export class Visitor implements Talks {
  readonly url: string;

  private constructor(
    readonly client: TestClient,
    /** The header that shows who it is. */
    readonly cookie: string,
  ) {
    this.url = client.url;
  }

  /** Comes to an app for the first time. */
  static async come(client: TestClient, path = "/tasks/"): Promise<Visitor> {
    const response = await client.fetch(path);
    await response.body?.cancel();
    const [cookie, ...others] = response.headers.getSetCookie();
    assert.deepEqual(others, []);
    assert.ok(cookie);
    return new Visitor(client, cookie.split(";")[0] ?? "");
  }

  /** As the client's own, with the cookie. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Cookie", this.cookie);
    return this.client.fetch(path, { ...init, headers });
  }

  /** As the client's own, with the cookie. */
  connect(path: string, options: ConnectOptions = {}): ReturnType<TestClient["connect"]> {
    return this.client.connect(path, {
      ...options,
      headers: { ...options.headers, Cookie: this.cookie },
    });
  }
}
