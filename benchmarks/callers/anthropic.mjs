// The official SDK: streamed, then whole. Its base URL ends in /v1, to which it adds its own.
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: `${process.argv[2]}/v1`, apiKey: "any", maxRetries: 0 });
const request = {
  model: "claude-sonnet-5-5[1m]",
  max_tokens: 200,
  messages: [{ role: "user", content: "Tell me a story." }],
};

const streamed = await client.messages.stream(request).finalMessage();
console.log(`stream: ${streamed.content[0].text}`);

const whole = await client.messages.create(request);
console.log(`whole: ${whole.content[0].text}`);
