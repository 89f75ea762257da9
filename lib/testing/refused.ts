/** What {@link TestClient.connect} throws for a handshake that was answered with plain HTTP. */
export class HandshakeRefused extends Error {
  override readonly name = "HandshakeRefused";
  /** The HTTP status. */
  readonly status: number;
  /** The response's headers. */
  readonly headers: Headers;
  /** The response's body as text. */
  readonly body: string;

  /** @param path the path that was asked for */
  constructor(path: string, status: number, headers: Headers, body: string) {
    super(`expected the handshake of ${path} to be accepted, but got ${status}: ${body}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
