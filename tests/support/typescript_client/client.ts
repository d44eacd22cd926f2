// Orders, uploads and reads with the types of schema.d.ts, which openapi-typescript makes from the OpenAPI document.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Request = components["schemas"]["StreamRequest"];
type Version = components["schemas"]["VersionResource"];

const service = createClient<paths>({ baseUrl: process.argv[2] ?? "" });
const concepts = ["CIFAR100+++bear", "CIFAR100+++otter", "FLOWERS102+++daffodil"];
const prefer = { header: { Prefer: "wait=60" } };

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

async function publish(body: Request): Promise<Version> {
  const { data, error, response } = await service.POST("/v1/streams", { body, params: prefer });
  if (error) throw new Error(`${error.code}: ${error.detail}`);
  if (!("digest" in data)) throw new Error(`still a job after a minute: ${response.status}`);
  return data;
}

async function order(): Promise<void> {
  const requests: Request[] = [
    { name: "typescript", concepts, ordering: { kind: "random", seed: 7 }, tasks: { count: 2 } },
    {
      name: "typescript",
      datasets: [
        { name: "cifar100", classes: ["bear", "otter"], counts: { bear: 5, otter: 3 } },
        {
          name: "my-gadgets",
          classes: [["e-reader", "reading device"]],
          year: 2024,
          scores: 12.5,
          counts: { "e-reader": 4 },
        },
      ],
      ordering: { kind: "frequency", source: "request", reverse: true },
      tasks: { by: "dataset" },
    },
  ];
  for (const [i, request] of requests.entries()) {
    const version = await publish(request);
    expect(version.version === i + 1, `the version is ${version.version}`);
    expect(new Date(version.created_at) <= new Date(), `created at ${version.created_at}`);
  }
}

async function read(): Promise<void> {
  const path = { name: "typescript", version: 1 };
  const manifest = await service.GET("/v1/streams/{name}/versions/{version}", { params: { path } });
  expect(manifest.data?.tasks.length === 2, "the manifest has two tasks");
  const task = await service.GET("/v1/streams/{name}/versions/{version}/tasks/{task}", {
    params: { path: { ...path, version: "latest", task: 0 } },
  });
  expect(task.data?.concepts[0]?.class === "bear", "the most frequent class comes first");
  const exported = await service.GET("/v1/streams/{name}/versions/{version}/export/{format}", {
    params: { path: { ...path, format: "tasks" } },
  });
  // The type is that of any format.
  const tasks = Array.isArray(exported.data) ? exported.data.flat() : [];
  expect(tasks.length === concepts.length, "the export has all concepts");
  const names: string[] = [];
  for (let cursor: string | null | undefined = undefined; cursor !== null; ) {
    const query: { limit: number; cursor?: string } = cursor === undefined ? { limit: 1 } : { limit: 1, cursor };
    const page: { data?: components["schemas"]["StreamPage"] } = await service.GET("/v1/streams", { params: { query } });
    names.push(...(page.data?.streams ?? []).map((each) => each.name));
    cursor = page.data?.next_cursor ?? null;
  }
  expect(names.includes("typescript"), `the streams are ${names}`);
}

async function count(): Promise<void> {
  const path = { name: "typescript-counts" };
  const uploaded = await service.PUT("/v1/sources/{name}", {
    params: { path, query: { unit: "documents", corpus: "a corpus of ten documents", documents: 10 } },
    headers: { "Content-Type": "text/csv" },
    body: "name,count\nbear,5\notter,3\n",
    bodySerializer: (body) => body,
  });
  expect(uploaded.data?.kind === "file", JSON.stringify(uploaded.error));
  const look = await service.POST("/v1/sources/{name}/counts", {
    params: { path, ...prefer },
    body: { queries: ["bear", ["otter"]] },
  });
  expect(look.data !== undefined && "counts" in look.data && look.data.counts[0]?.count === 5, JSON.stringify(look));
}

async function refuse(): Promise<void> {
  const { error } = await service.GET("/v1/jobs/{id}", { params: { path: { id: "0".repeat(32) } } });
  expect(error?.code === "unknown_job" && error.errors.length === 1, JSON.stringify(error));
}

await order();
await read();
await count();
await refuse();
