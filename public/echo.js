import { Demo } from "./demo.js";

/** The echo: the server answers each message, and nobody else sees it. */
export function createEcho() {
  return new Demo({
    name: "echo",
    title: "Echo",
    summary: "The server answers every message with the same text.",
    emptyText: "Nothing yet. Write something and the server will repeat it.",
    path: "ws/",
    classify: () => "others",
  });
}
