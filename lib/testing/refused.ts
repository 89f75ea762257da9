/** {@link TestClient.connect} throws this when the server answers a handshake in plain HTTP. */
export class HandshakeRefused extends Error {
  override readonly name = "HandshakeRefused";
  /** The HTTP status. */
  readonly status: number;
  /** The response's headers. */
  readonly headers: Headers;
  /** The response's body as text. */
  readonly body: string;

  /** @param path the path of the handshake */
  constructor(path: string, status: number, headers: Headers, body: string) {
    super(`expected the handshake of ${path} to be accepted, but got ${status}: ${body}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
