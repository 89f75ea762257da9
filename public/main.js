import { find } from "./page/element.js";
import { browserKept, windowKept } from "./page/kept.js";
import { language } from "./page/language.js";
import { randomName } from "./page/names.js";
import { Outdated } from "./page/outdated.js";
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
/** @type {Echo | Room | Tasks | undefined} */
let shown;

const tabs = new Tabs(demos);
const title = new Title(demos);
const share = new Share();
const panels = new Panels();
const messages = new Messages((action, entry) => conversation()?.[action](entry));
const tasksView = new TasksView(tasks);
const outdated = new Outdated();
const stateLine = new StateLine(
  () => shown?.connection.open(),
  () => focusView(),
);
const roomForm = new NameForm(find("#roomForm", HTMLFormElement), goTo);
const identity = new NameForm(find("#identity", HTMLFormElement), (name) => room.rename(name));
const composer = new Composer(
  (text) => {
    const refusal = conversation()?.send(text) ?? texts().notConnected;
    if (refusal === "") messages.follow();
    return refusal;
  },
  (text) => {
    if (shown) drafts.keep(shown.place, text);
  },
);
const membersList = new MembersList(room);
const otherLanguage = find("#language", HTMLElement);
find("#newRoom", HTMLElement).addEventListener("click", () => goTo(randomName()));

for (const demo of demos) {
  demo.addEventListener("state", () => {
    tabs.refresh(demo);
    if (demo === shown) showState();
  });
  demo.addEventListener("change", () => {
    if (demo !== shown) return;
    if (demo === tasks) tasksView.refresh();
    else messages.refresh();
  });
  demo.addEventListener("outdated", () => outdated.show());
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
  if (document.visibilityState === "visible" && shown) see(shown);
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

// What is written in, of those that are shown.
function conversation() {
  return shown instanceof Tasks ? undefined : shown;
}

function focusView() {
  if (shown === tasks) tasksView.focus();
  else composer.focus();
}

/** @param {string} name */
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
  const talk = conversation();
  for (const each of [messages, composer]) each.visible = talk !== undefined;
  tasksView.visible = talk === undefined;
  if (talk) messages.show(talk);
  else tasksView.show();
  if (shown) tabs.refresh(shown);
  showWords();
}

function showWords() {
  if (shown === undefined) return;
  find("#title", HTMLElement).textContent = shown.heading;
  find("#summary", HTMLElement).textContent = shown.summary;
  title.show(shown.heading);
  showState();
}

/** @param {Echo | Room | Tasks} demo */
function see(demo) {
  demo.unread = 0;
  showUnread(demo);
}

/** @param {Echo | Room | Tasks} demo */
function showUnread(demo) {
  tabs.refresh(demo);
  if (shown) title.show(shown.heading);
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
  outdated.refresh();
  showWords();
}

function showForgetful() {
  find("#forgetful", HTMLElement).textContent =
    windowKept.works && browserKept.works ? "" : texts().forgetful;
}

function showState() {
  if (shown === undefined) return;
  stateLine.show(shown);
  composer.ready = shown.ready;
}
