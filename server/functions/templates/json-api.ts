import type { Template } from "../templates.ts";

const index = `/**
 * JSON API
 *
 * Routes, parameters and validation with Hono (https://hono.dev), an npm package named in package.json.
 * Try:   GET  /books
 *        GET  /books/2
 *        POST /books    {"title": "Dune", "author": "Frank Herbert"}
 *
 * The books live in memory: each instance has its own, and they are gone when it stops.
 */
import { Hono } from "hono";
import { addBook, books, findBook } from "./books";

const app = new Hono();

app.get("/", (c) => c.json({ routes: ["GET /books", "GET /books/:id", "POST /books"] }));

app.get("/books", (c) => c.json(books));

app.get("/books/:id", (c) => {
  const book = findBook(Number(c.req.param("id")));
  return book ? c.json(book) : c.json({ error: "There is no such book" }, 404);
});

app.post("/books", async (c) => {
  const body = await c.req.json().catch(() => null);
  if (typeof body?.title !== "string" || typeof body?.author !== "string") {
    return c.json({ error: "Send a title and an author" }, 400);
  }
  const book = addBook(body.title, body.author);
  console.log("added", book);
  return c.json(book, 201);
});

export default app;
`;

const books = `export type Book = { id: number; title: string; author: string };

export const books: Book[] = [
  { id: 1, title: "Middlemarch", author: "George Eliot" },
  { id: 2, title: "The Dispossessed", author: "Ursula K. Le Guin" },
];

export function findBook(id: number): Book | undefined {
  return books.find((book) => book.id === id);
}

export function addBook(title: string, author: string): Book {
  const book = { id: books.length + 1, title, author };
  books.push(book);
  return book;
}
`;

const manifest = `{
  "private": true,
  "dependencies": {
    "hono": "^4.6.0"
  }
}
`;

export const jsonApi: Template = {
  title: "JSON API",
  description: "Routes and validation with Hono, an npm package.",
  files: [
    { path: "package.json", content: manifest },
    { path: "src/books.ts", content: books },
    { path: "src/index.ts", content: index },
  ],
};
