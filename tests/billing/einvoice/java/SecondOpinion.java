import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * The second implementation of the rules, for tests: one process that answers for all documents.
 *
 * <p>It reads lines KIND TAB FILE and answers one JSON line each. KIND is one of Phive's names, "mustang" (a PDF), or
 * "vera:" and a flavour (3a, ua1). The only argument is the jar of the Mustang command line, which gets a class loader
 * of its own, since it carries older copies of the same libraries.
 */
public final class SecondOpinion {
  private static Phive phive;
  private static Mustang mustang;

  private SecondOpinion() {}

  public static void main(String[] arguments) throws Exception {
    PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    System.setOut(System.err); // a library that prints must not break the protocol
    phive = new Phive();
    mustang = new Mustang(Path.of(arguments[0]));
    BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = questions.readLine()) != null; ) {
      String[] parts = line.split("\t", 2);
      answers.println(answer(parts[0], parts[1]).json());
    }
  }

  /** What goes wrong is an answer, too: not valid, and why. */
  private static Answer answer(String kind, String file) {
    try {
      if (kind.startsWith("vera:")) return VeraPdf.check(file, kind.substring("vera:".length()));
      return kind.equals("mustang") ? mustang.check(file) : phive.check(kind, file);
    } catch (Throwable error) {
      StringWriter trace = new StringWriter();
      error.printStackTrace(new PrintWriter(trace));
      return new Answer(false, "", List.of(new Answer.Remark("exception", trace.toString())), List.of());
    }
  }
}
