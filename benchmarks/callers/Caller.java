import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Java's own HttpClient as it is by default, so that each request offers HTTP/2: a stream, whose pieces are put together. */
class Caller {
    public static void main(String[] arguments) throws Exception {
        String body = "{\"model\": \"auto\", \"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"Tell me a story.\"}]}";
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + "/v1/chat/completions"))
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.statusCode() + " " + answer.version());
        System.out.println(Pattern.compile("\"content\":\"(.*?)\"").matcher(answer.body()).results()
            .map(found -> found.group(1)).collect(Collectors.joining()));
    }
}
