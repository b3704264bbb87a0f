import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Which of some texts, as a whole, are of a regular expression: lines of [expression, [text, ...]]. */
public class Re2Program {
    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            JsonNode asked = json.readTree(line);
            List<Object> told = new ArrayList<>();
            try {
                Pattern pattern = Pattern.compile(asked.get(0).asText());
                asked.get(1).forEach(text -> told.add(pattern.matcher(text.asText()).matches()));
                System.out.println(json.writeValueAsString(told));
            } catch (PatternSyntaxException e) {
                System.out.println("null");
            }
        }
    }
}
