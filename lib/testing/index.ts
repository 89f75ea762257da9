export { type ConnectOptions, type StartOptions, TestClient } from "./client.ts";
export { HandshakeRefused } from "./refused.ts";
export { TestSocket } from "./socket.ts";
