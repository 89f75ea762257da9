// What the page imports from /vendor/, as the site serves it.
export { CloseEvent, default } from "partysocket/ws";
