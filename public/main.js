import { browserKept, windowKept } from "./page/kept.js";
import { language } from "./page/language.js";
import { randomName } from "./page/names.js";
import { StateLine } from "./page/state-line.js";
import { Tabs } from "./page/tabs.js";
import { fillPage, offerOther, texts } from "./page/texts.js";
import { Title } from "./page/title.js";
import { Composer } from "./views/chat/composer.js";
import { Drafts } from "./views/chat/drafts.js";
import { Echo } from "./views/chat/echo.js";
import { MembersList } from "./views/chat/members-list.js";
import { Messages } from "./views/chat/messages.js";
import { NameForm } from "./views/chat/name-form.js";
import { Panels } from "./views/chat/panels.js";
import { Room } from "./views/chat/room.js";
import { Share } from "./views/chat/share.js";
import { Tasks } from "./views/tasks/tasks.js";
import { TasksView } from "./views/tasks/tasks-view.js";

const room = new Room();
const tasks = new Tasks();
const demos = [new Echo(), room, tasks];
const drafts = new Drafts();
let shown;

const tabs = new Tabs(demos);
const title = new Title(demos);
const share = new Share();
const panels = new Panels();
const messages = new Messages((action, entry) => shown[action](entry));
const tasksView = new TasksView(tasks);
const stateLine = new StateLine(
  () => shown.connection.open(),
  () => focusView(),
);
const roomForm = new NameForm(document.querySelector("#roomForm"), goTo);
const identity = new NameForm(document.querySelector("#identity"), (name) => room.rename(name));
const composer = new Composer(
  (text) => {
    const refusal = shown.send(text);
    if (refusal === "") messages.follow();
    return refusal;
  },
  (text) => drafts.keep(shown.place, text),
);
const membersList = new MembersList(room);
const otherLanguage = document.querySelector("#language");
document.querySelector("#newRoom").addEventListener("click", () => goTo(randomName()));

for (const demo of demos) {
  demo.addEventListener("state", () => {
    tabs.refresh(demo);
    if (demo === shown) showState();
  });
  demo.addEventListener("change", () => {
    if (demo === shown) viewOf(demo).refresh();
  });
  demo.addEventListener("news", () => {
    if (demo === shown && document.visibilityState === "visible") return;
    demo.unread += 1;
    showUnread(demo);
  });
}

room.addEventListener("room", () => {
  if (room === shown) showDemo();
});

for (const kept of [windowKept, browserKept]) kept.addEventListener("change", showForgetful);
showForgetful();

fillPage();
offerOther(otherLanguage);
otherLanguage.addEventListener("click", () => language.choose(language.other));
language.addEventListener("change", speak);

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") see(shown);
});

tabs.onChoose((demo, rest) => {
  shown = undefined;
  demo.visit(rest);
  shown = demo;
  composer.text = drafts.of(demo.place);
  showDemo();
  see(demo);
});

// On a touch screen the focus would bring up the keyboard over the page.
if (matchMedia("(pointer: fine)").matches) focusView();

function viewOf(demo) {
  return demo === tasks ? tasksView : messages;
}

function focusView() {
  if (shown === tasks) tasksView.focus();
  else composer.focus();
}

function goTo(name) {
  location.hash = `#room/${encodeURIComponent(name)}`;
  return "";
}

function showDemo() {
  const inRoom = shown === room;
  panels.visible = inRoom;
  share.place = inRoom && room.reachable ? room.place : "";
  roomForm.value = room.roomName;
  identity.value = room.you;
  const view = viewOf(shown);
  for (const each of [messages, composer, tasksView]) {
    each.visible = (each === tasksView) === (view === tasksView);
  }
  view.show(shown);
  tabs.refresh(shown);
  showWords();
}

function showWords() {
  document.querySelector("#title").textContent = shown.heading;
  document.querySelector("#summary").textContent = shown.summary;
  title.show(shown.heading);
  showState();
}

function see(demo) {
  demo.unread = 0;
  showUnread(demo);
}

function showUnread(demo) {
  tabs.refresh(demo);
  title.show(shown.heading);
}

// What is said in passing is not said again.
function speak() {
  fillPage();
  offerOther(otherLanguage);
  for (const note of document.querySelectorAll("output, .hint, #copied")) note.textContent = "";
  for (const demo of demos) tabs.refresh(demo);
  membersList.refresh();
  messages.redraw();
  tasksView.redraw();
  showForgetful();
  showWords();
}

function showForgetful() {
  document.querySelector("#forgetful").textContent =
    windowKept.works && browserKept.works ? "" : texts().forgetful;
}

function showState() {
  stateLine.show(shown);
  composer.ready = shown.ready;
}
