// The official SDK, streamed: Chat Completions, then Responses.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "any", maxRetries: 0 });

let text = "";
const chat = await client.chat.completions.create({
  model: "auto",
  messages: [{ role: "user", content: "Tell me a story." }],
  stream: true,
});
for await (const chunk of chat) text += chunk.choices[0]?.delta?.content ?? "";
console.log(`chat: ${text}`);

const response = await client.responses.stream({ model: "auto", input: "Tell me a story." }).finalResponse();
console.log(`responses: ${response.output_text}`);
