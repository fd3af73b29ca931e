"""Google's Gemini API: `generateContent` and `streamGenerateContent`, on both sides of Segue."""
