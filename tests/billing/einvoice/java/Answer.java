import java.util.List;
import java.util.stream.Collectors;

/** A verdict; {@code by} says which rules were applied. */
record Answer(boolean valid, String by, List<Remark> errors, List<Remark> warnings) {
  record Remark(String code, String text) {
    String json() {
      return "[" + quoted(code) + "," + quoted(text) + "]";
    }
  }

  String json() {
    return "{\"valid\":" + valid + ",\"by\":" + quoted(by) + ",\"errors\":" + list(errors) + ",\"warnings\":"
        + list(warnings) + "}";
  }

  private static String list(List<Remark> remarks) {
    return remarks.stream().map(Remark::json).collect(Collectors.joining(",", "[", "]"));
  }

  private static String quoted(String text) {
    StringBuilder made = new StringBuilder("\"");
    for (char c : (text == null ? "" : text).toCharArray()) {
      if (c == '"' || c == '\\') made.append('\\').append(c);
      else made.append(c < ' ' ? ' ' : c);
    }
    return made.append('"').toString();
  }
}
